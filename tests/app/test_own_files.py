"""Files of the user's own are read again when they change, and the form asks for what its errors name."""

import os
import shutil

import pytest
import streamlit as st
from PIL import Image

from labkit import audit, data, models
from labkit.compress import METHODS
from labkit.training import accuracy
from tests.app.conftest import MAIN


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(MAIN.parent))


@pytest.fixture
def form(app):
    """The form on the page Live; call it to fill in fields and press Open."""
    page = {"model": "your own", "method": "quantize"}
    app.query_params["model"] = "your own"
    app.run().switch_page("views/live/page.py")
    for name, value in page.items():
        app.query_params[name] = value
    app.run()

    def fill(**given):
        boxes = {box.label: box for box in (*app.text_input, *app.number_input)}
        for label, value in given.items():
            boxes[label.replace("_", " ")].set_value(value)
        next(button for button in app.button if button.label == "Open").click().run()
        return app

    return fill


def shown(app):
    """The figures of the last answer, once it is exact."""
    latest = app.session_state["background-answers"]
    for _ in range(20):
        if latest.wait(30) and app.run().session_state["last"][1].exact:
            break
    assert not app.exception
    assert not app.error, [error.value for error in app.error]
    return app.session_state["last"][1].audit


def digits(folder, shift=0):
    """Pictures like those of mnist, a folder for each class."""
    part = data.load("mnist").test
    for number in range(120):
        label = (int(part.labels[number]) + shift) % 10
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(part.images[number, 0]).save(folder / str(label) / f"{number}.png")


def test_weights_that_are_overwritten_are_read_again(form, tmp_path):
    pictures, weights = tmp_path / "pictures", tmp_path / "own.safetensors"
    digits(pictures)
    test, network = data.image_folder(pictures).test, models.load("mlp_mnist")
    models.save_weights(network, weights)
    app = form(network="mlp_mnist", weights=str(weights), data=str(pictures))
    first = shown(app).summary["reference_accuracy"]
    assert first == pytest.approx(accuracy(network, test))
    for parameter in network.parameters():
        parameter.data.neg_()
    models.save_weights(network, weights)
    second = shown(app.run()).summary["reference_accuracy"]  # without pressing Open again
    assert second == pytest.approx(accuracy(network, test)) != pytest.approx(first)
    shutil.rmtree(pictures)
    digits(pictures, shift=1)
    found, test = shown(app.run()), data.image_folder(pictures).test
    assert found.data_id == audit.data_id(test)
    assert found.summary["reference_accuracy"] == pytest.approx(accuracy(network, test))


def test_pictures_of_several_sizes_are_resized_by_a_field_of_the_form(form, tmp_path):
    digits(tmp_path / "pictures")
    for path in (tmp_path / "pictures").glob("*/1*.png"):
        Image.open(path).resize((30, 31)).save(path)
    app = form(network="mlp_mnist", data=str(tmp_path / "pictures"))
    (error,) = app.error
    assert 'fill in the field "image size" to resize them all' in error.value
    assert "=" not in error.value.partition("pixels")[2]
    assert [box.label for box in app.number_input] == ["image size"]
    app = form(image_size=28)
    assert shown(app).summary["examples"] == len(data.image_folder(tmp_path / "pictures", size=28).test)


def test_a_table_that_the_network_does_not_fit_is_one_sentence(form, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    app = form(network="mlp_adult", data=str(tmp_path / "t.csv"), target_column="y")
    assert not app.exception
    (error,) = app.error
    assert error.value.replace("\\", "").startswith("mlp_adult does not take the examples of t (float32 [1, 1])")


def test_what_a_table_lacks_is_named_as_the_form_names_it(form, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    assert form(network="mlp_adult", data=str(tmp_path / "t.csv")).error[0].value.endswith('fill in the field "target column"')
    assert 'needs data (field "data")' in form(network="timm:resnet18", data="").error[0].value


def test_notes_of_an_audit_are_shown(form, tmp_path):
    digits(tmp_path / "pictures")
    (tmp_path / "pictures" / "0" / "._hidden.png").write_bytes(b"no picture")
    app = form(network="mlp_mnist", data=str(tmp_path / "pictures"))
    notes = shown(app).notes
    (box,) = [box for box in app.expander if box.label.startswith("Notes")]
    assert notes
    assert box.label == f"Notes ({len(dict.fromkeys(notes))})"
    assert len(box.markdown[0].value.splitlines()) == len(dict.fromkeys(notes))


def test_a_run_shows_its_notes(app):
    app.query_params["model"] = "mlp_adult"
    app.run().switch_page("views/per_class/page.py")
    app.query_params["model"] = "mlp_adult"
    app.run()
    assert [box.label for box in app.expander if box.label.startswith("Notes")]


@pytest.mark.parametrize("change", ["same size, older", "added", "removed", "renamed", "below"])
def test_a_stamp_sees_every_change_of_a_folder(common, tmp_path, change):
    from labkit.stamps import stamp

    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three"):
        (tmp_path / name).write_text("0123")
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    {
        "same size, older": lambda: (tmp_path.joinpath("one").write_text("9876"), os.utime(tmp_path / "one", (1, 1))),
        "added": lambda: tmp_path.joinpath("a", ".hidden").write_text(""),
        "removed": lambda: tmp_path.joinpath("a", "two").unlink(),
        "renamed": lambda: tmp_path.joinpath("one").rename(tmp_path / "two"),
        "below": lambda: tmp_path.joinpath("a", "b", "three").write_text("01234"),
    }[change]()
    assert stamp(tmp_path) != before
    assert stamp(tmp_path / "nothing") is stamp(None) is stamp("") is None


def test_a_plugin_that_changes_is_loaded_again(app, monkeypatch, tmp_path):
    plugin, before = tmp_path / "outside.py", dict(METHODS)
    text = "from labkit.compress import Method, register\nregister(Method('toy', 'TITLE', '', lambda model, **_: model))\n"
    monkeypatch.setattr("sys.argv", [str(MAIN), "--plugin", str(plugin)])
    st.cache_resource.clear()  # with the command line of the tests before
    try:
        for title in ("First", "Another"):
            plugin.write_text(text.replace("TITLE", title))
            app.run()
            assert METHODS["toy"].title == title
    finally:
        st.cache_resource.clear()
        METHODS.clear()
        METHODS.update(before)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.png is 9; give size= to resize them all", 'a.png is 9; fill in the field "image size" to resize them all'),
        ("give pictures of that size (size=, or --size)", 'give pictures of that size (field "image size")'),
        ("groups are columns; give its target too (--target)", 'groups are columns; give its target too (field "target column")'),
        ("no class 'x'; give favourable= one of a, b", "no class 'x'; fill in the field \"favourable class\" one of a, b"),
        ("the target size is 3 and data are missing", "the target size is 3 and data are missing"),
    ],
)
def test_errors_speak_of_fields(common, text, wanted):
    from views.live.fields import in_fields

    assert in_fields(text) == wanted
