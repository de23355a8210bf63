"""The form of one's own network, and what `labkit app` opens."""

import contextlib
import json
import time

import numpy as np
import pytest
import streamlit as st
from safetensors.torch import load_file
from streamlit.testing.v1 import AppTest

from labkit import data, live, models
from labkit.compress import METHODS
from labkit.models import own
from labkit.registry import Choice
from tests.app.conftest import MAIN, PATIENCE, dashboard, rests
from tests.app.test_own_files import digits


@pytest.fixture
def started(app, monkeypatch):
    """Start the dashboard on Live with the form, as `labkit app` passes what it was told."""
    st.cache_resource.clear()
    before = dict(own.OWN)

    def start(*words, **address):
        """A visitor of its own each time."""
        st.cache_resource.clear()
        monkeypatch.setattr("sys.argv", [str(MAIN), *map(str, words)])
        app = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
        app.run().switch_page("views/live/page.py")
        for name, value in {"model": "your own", **address}.items():
            app.query_params[name] = value
        return app.run()

    yield start
    own.OWN.clear()
    own.OWN.update(before)
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def folder_url(tmp_path_factory):
    """A dashboard that was started in a folder with pictures and a table, and the folder."""
    folder = tmp_path_factory.mktemp("work")
    digits(folder / "pictures")
    table(folder / "people.csv", rows=2000)
    with contextlib.chdir(folder), dashboard(after=("--no-browser", "--store", "mine")) as url:
        yield url, folder


def fill(app, **given):
    boxes = {box.label: box for box in (*app.text_input, *app.number_input)}
    for label, value in given.items():
        boxes[label.replace("_", " ")].set_value(value)
    return press(app, "Open")


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    return app


def labels(app):
    return [box.label for box in app.text_input]


def table(path, rows=240, separator=",", encoding="utf-8"):
    """A table in which age and score decide, for both groups."""
    rng = np.random.default_rng(0)
    age, score = rng.integers(18, 80, rows), rng.normal(size=rows)
    lines = [
        f"{a}{separator}{s:.3f}{separator}{'fm'[i % 2]}{separator}{'né' if a + 20 * s > 49 else 'à'}"
        for i, (a, s) in enumerate(zip(age, score, strict=True))
    ]
    path.write_text("\n".join([separator.join(("age", "score", "sex", "outcome")), *lines]), encoding=encoding)
    return path


def test_relative_paths_begin_where_the_dashboard_was_started_and_the_form_closes(started, tmp_path, monkeypatch):
    here = tmp_path / "mine"
    digits(here / "pictures")
    monkeypatch.setenv("HOME", str(tmp_path))
    app = started("--from", here)
    app = fill(app, network="mlp_mnist", data="pictures")
    assert not app.error
    assert "data" not in labels(app)
    assert "`pictures`" in next(text.value for text in app.markdown if "mlp_mnist" in text.value)
    press(app, "Change")
    assert next(box.value for box in app.text_input if box.label == "data") == "pictures"
    app = fill(app, data="~/mine/pictures")
    assert not app.error
    assert "data" not in labels(app)


def test_the_form_survives_a_reload_and_an_address_starts_no_code(started, tmp_path):
    digits(tmp_path / "pictures")
    app = fill(started("--from", tmp_path), network="mlp_mnist", data="pictures")
    address = dict(app.query_params.items())
    assert address["own-data"] == "pictures"
    assert address["own"] == "open"
    again = started("--from", tmp_path, **address)
    assert not again.error
    assert "data" not in labels(again)
    (tmp_path / "net.py").write_text("open('ran', 'w')\n")
    refused = started("--from", tmp_path, **(address | {"own-name": "net.py:build"}))
    assert "labkit app --model net.py:build" in refused.error[0].value
    assert not (tmp_path / "ran").exists()


def test_everything_that_is_wrong_is_told_at_once(started, tmp_path):
    table(tmp_path / "people.csv")
    app = fill(
        started("--from", tmp_path),
        network="mlp_adlt",
        weights="gone.pt",
        data="people.csv",
        target_column="outcom",
        sensitive_columns="sex, race",
    )
    (error,) = app.error
    said = error.value.splitlines()
    assert len(said) == 4
    for part in (
        "unknown model 'mlp_adlt'; did you mean 'mlp_adult'",
        "gone.pt does not exist",
        "did you mean 'outcome'?",
        "'race'",
    ):
        assert any(part in line for line in said), part
    assert "target column" in labels(app)


def test_a_path_is_completed_by_a_tap(started, tmp_path):
    digits(tmp_path / "work" / "pictures")
    table(tmp_path / "work" / "people.csv")
    (tmp_path / "work" / "notes.txt").write_text("")
    app = started("--from", tmp_path)
    offers = app.button_group(key="own-offer-data")
    assert "work/" in offers.options
    offers.set_value("work/").run()
    assert app.button_group(key="own-offer-data").options == ["work/people.csv", "work/pictures/"]
    app.button_group(key="own-offer-data").set_value("work/people.csv").run()
    assert next(box.value for box in app.text_input if box.label == "data") == "work/people.csv"
    assert app.button_group(key="own-offer-target").options == ["age", "score", "sex", "outcome"]


def test_a_small_network_is_trained_on_a_table_kept_and_found_again(started, tmp_path):
    table(tmp_path / "people.csv", encoding="latin-1", separator=";")
    app = started("--from", tmp_path, "--store", tmp_path / "mine")
    given = {"data": "people.csv", "target_column": "outcome", "sensitive_columns": "sex", "encoding": "latin-1"}
    boxes = {box.label: box for box in app.text_input}
    for label, value in given.items():
        boxes[label.replace("_", " ")].set_value(value)
    app.run()
    press(app, "Train a small network on this table")
    deadline = time.monotonic() + PATIENCE
    while "data" in labels(app) and not app.error and time.monotonic() < deadline:
        time.sleep(0.2)
        app.run()
    assert not app.error, app.error[0].value
    (kept,) = (tmp_path / "mine").glob("*.safetensors")
    dataset = data.from_csv(tmp_path / "people.csv", target="outcome", groups=["sex"], encoding="latin-1")
    network = models.load("small_mlp", weights=kept, num_classes=2, in_chans=2)
    from labkit.training import accuracy

    assert accuracy(network, dataset.test) > 0.85
    assert set(load_file(kept)) >= {"normalize.mean", "fc3.weight"}
    address = dict(app.query_params.items())
    again = started("--from", tmp_path, "--store", tmp_path / "mine", **address)
    assert not again.error
    assert "data" not in labels(again)
    latest = again.session_state["background-answers"]
    for _ in range(20):
        if latest.wait(5) and any("groups" in heading.value for heading in again.run().header):
            break
    assert any(heading.value.startswith("Which groups lose accuracy") for heading in again.header)


def test_a_stopped_training_keeps_nothing(tmp_path):
    dataset = data.load("german")
    training = live.SmallTraining(dataset, tmp_path / "w.safetensors")
    training.stop()
    assert training.wait(60)
    assert training.error is None
    assert not list(tmp_path.iterdir())


def test_the_dashboard_starts_on_the_network_of_the_command_line(started, tmp_path, monkeypatch):
    table(tmp_path / "people.csv")
    (tmp_path / "net.py").write_text("from torch import nn\ndef build(n, c): return nn.Linear(c, n)\n")
    named = {"name": "net.py:build", "data": "people.csv", "target": "outcome", "groups": ["sex"]}
    monkeypatch.setattr("sys.argv", [str(MAIN), "--from", str(tmp_path), "--own", json.dumps(named)])
    app = AppTest.from_file(str(MAIN), default_timeout=PATIENCE).run()
    assert app.title[0].value == "Live"
    assert not app.error
    assert any("net.py:build" in text.value for text in app.markdown)


def test_compare_opens_on_the_network_of_ones_own_runs(app, started, tmp_path, monkeypatch):
    from labkit import compress, runs
    from labkit.audit import audit

    part = data.load("mnist").test.subset(np.arange(200))
    network = models.load("lenet_mnist")
    small = compress.METHODS["quantize"](network)
    config = {"method": "quantize", "version": 1, "parameters": {}, "model": "lenet_mnist", "data": "mnist", "seed": 0}
    runs.Store(tmp_path / "mine").save(small, audit=audit(small, part, reference=network), config=config)
    monkeypatch.setattr("sys.argv", [str(MAIN), "--store", str(tmp_path / "mine")])
    app.run().switch_page("views/compare/page.py").run()
    box = next(box for box in app.selectbox if box.label == "network")
    assert box.value.startswith("lenet_mnist")
    assert any(str(tmp_path / "mine") in caption.value for caption in app.caption)


def test_live_starts_with_the_settings_that_the_command_line_takes(started):
    shown = 0
    for name, method in METHODS.items():
        choices = {key: param.default for key, param in method.params.items() if isinstance(param, Choice)}
        if not method.live or method.needs == "training" or not choices:
            continue
        app = started(model="mlp_adult", method=name)
        for key, wanted in choices.items():
            assert app.selectbox(key=f"live-{name}-{key}").value == method.settings({}).get(key, wanted) == wanted
            shown += 1
    assert shown > 3


def offered(page, field, text):
    return page.locator(f".st-key-own-offer-{field} [data-variant=pills]", has_text=text)


def open_button(page):
    """The form's; the boxes have buttons of that name too, which open their lists."""
    return page.get_by_test_id("stBaseButton-primary").filter(has_text="Open")


def write(page, label, text):
    box = page.get_by_role("textbox", name=label, exact=True)
    box.fill(text)
    box.press("Enter")


@pytest.mark.browser
def test_pictures_are_opened_by_a_relative_path(folder_url, desktop):
    from playwright.sync_api import expect

    url, _ = folder_url
    desktop.goto(f"{url}/live?model=your+own")
    write(desktop, "network", "mlp_mnist")
    write(desktop, "data", "pict")
    offered(desktop, "data", "pictures/").click()
    expect(desktop.get_by_role("textbox", name="data", exact=True)).to_have_value("pictures/")
    rests(desktop)
    open_button(desktop).click()
    desktop.get_by_role("button", name="Change").wait_for()
    desktop.locator(".js-plotly-plot").first.wait_for()
    desktop.reload()
    desktop.get_by_role("button", name="Change").wait_for()
    desktop.get_by_role("button", name="Change").click()
    expect(desktop.get_by_role("textbox", name="data", exact=True)).to_have_value("pictures/")


@pytest.mark.browser
def test_a_table_is_opened_trained_on_and_compressed_with_its_groups(folder_url, desktop):
    from playwright.sync_api import expect

    url, folder = folder_url
    desktop.goto(f"{url}/live?model=your+own&method=condense")
    write(desktop, "data", "people.csv")
    offered(desktop, "target", "outcome").click()
    offered(desktop, "groups", "sex").click()
    expect(desktop.get_by_role("textbox", name="sensitive columns", exact=True)).to_have_value("sex")
    rests(desktop)
    desktop.get_by_role("button", name="Train a small network on this table").click()
    desktop.get_by_role("button", name="Change").wait_for()  # not the time left: a fast machine is ready before that is drawn
    assert list((folder / "mine").glob("small_mlp-people-*.safetensors"))
    desktop.get_by_role("heading", name="Which groups lose accuracy").wait_for()
    desktop.locator(".js-plotly-plot").first.wait_for()
