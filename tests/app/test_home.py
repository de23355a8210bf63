"""Home: the first page, without a browser."""

from pathlib import Path

import pytest
from torch import nn

from labkit import audit, data, models, runs


def text(app):
    return " ".join(block.value for block in [*app.markdown, *app.caption])


@pytest.fixture
def home(app):
    app._page_hash = ""
    return app.run()


def test_a_bookmark_of_live_at_the_first_address_opens_live_with_its_settings(app):
    app._page_hash = ""
    asked = {"model": "mlp_mnist", "method": "low_rank", "layers": "inner"}
    app.query_params.update(asked)
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Live"]
    boxes = {box.label: box.value for box in app.selectbox}
    assert (boxes["network"], boxes["method"], boxes["layers"]) == ("mlp_mnist", "low_rank", "inner")
    assert {name: app.query_params[name] for name in asked} == asked


def test_home_stays_home_for_a_network_that_is_not_known(app):
    app._page_hash = ""
    app.query_params["model"] = "no_such_network"
    assert [title.value for title in app.run().title] == ["labkit"]


def test_every_network_has_a_card_with_its_accuracy_and_its_runs(home):
    assert not home.exception
    table = runs.Library(runs.gallery()).table()
    cards = models.cards()
    assert {heading.value for heading in home.subheader} == {*cards, *table["model"], "Your own"}
    for name, card in cards.items():
        assert f"**{100 * card.test_accuracy:.2f}\u00a0%** accuracy" in text(home)
        assert (f"**{(table['model'] == name).sum()}** runs" if name in set(table["model"]) else "No runs yet") in text(home)


def test_home_and_compare_name_the_same_smallest_harmless_version(home):
    said = text(home)
    for name in ("vit_fashion", "mlp_adult"):
        home.switch_page("views/compare/page.py")
        home.query_params["model"] = name
        shown = home.run().success[0].value
        table = runs.Library(runs.gallery()).table(name)
        best = table.loc[runs.recommend(table).id]
        assert f"{best['in_words']}, **{100 * best['bytes_ratio']:.0f}\u00a0%** of the bytes" in said
        assert f"{best['method'].capitalize()} is the smallest: {100 * best['bytes_ratio']:.0f} % of the bytes" in shown


def test_ones_own_network_with_runs_is_on_the_shelf(tmp_path, image_folder):
    """Its card stands behind those of the reference models that have runs, with the accuracy that its runs were compared with."""
    split = data.load(str(image_folder)).test
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    found = audit.audit(network, split, reference=network, seconds=0)
    store = runs.Store(tmp_path / "runs")
    store.save(None, audit=found, config={"method": "none", "parameters": {}, "model": "custom", "data": "pictures", "seed": 0})
    entries = runs.overview(runs.Library(store, runs.gallery()))
    own = next(entry for entry in entries if entry.name == "custom")
    assert (own.runs, own.architecture) == (1, "")
    assert own.accuracy == pytest.approx(found.summary["reference_accuracy"])
    assert [entry.name for entry in entries if entry.runs][-1] == "custom"


def test_without_any_run_the_shelf_holds_the_reference_models():
    entries = runs.overview(runs.Library())
    assert {entry.name: entry.accuracy for entry in entries} == {name: card.test_accuracy for name, card in models.cards().items()}
    assert all(entry.answer is None and entry.runs == 0 for entry in entries)


def test_every_notebook_is_listed_with_its_question(home):
    said = text(home)
    for script in (Path(models.__file__).parents[2] / "notebooks").glob("[0-9]*.py"):
        title = next(line for line in script.read_text().splitlines() if line.startswith("# # "))
        assert f"**{title[4:]}**" in said
