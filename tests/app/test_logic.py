"""The dashboard's pages, without a browser."""

import subprocess
import sys

import pytest

from labkit import models, runs
from tests.app.conftest import MAIN


def test_compare_lists_the_network_and_every_run_of_it(app):
    app.run()
    assert not app.exception
    table = runs.Library(runs.gallery()).table("vit_fashion")
    shown = app.dataframe[0].value
    assert shown["in_words"].iloc[0] == "uncompressed"
    assert set(shown.index[1:]) == set(table.index)
    for run in table.index:
        assert shown.loc[run, "accuracy"] == pytest.approx(100 * table.loc[run, "accuracy"])
    assert shown.loc["vit_fashion", "accuracy"] == pytest.approx(100 * models.cards()["vit_fashion"].test_accuracy)


def test_compare_recommends_what_the_library_recommends(app):
    app.run()
    table = runs.Library(runs.gallery()).table("vit_fashion")
    wanted = runs.recommend(table)
    assert app.success[0].value.lower() == wanted.reason.lower()


def test_compare_shows_groups_only_where_there_are_some(app):
    app.query_params["model"] = "mlp_adult"
    app.run()
    assert "Which groups are affected?" in [heading.value for heading in app.header]
    app.query_params["model"] = "vit_fashion"
    app.run()
    assert "Which groups are affected?" not in [heading.value for heading in app.header]


def test_methods_can_be_left_out(app):
    app.run()
    app.button_group[0].set_value(["quantize"]).run()
    assert set(app.dataframe[0].value["method"]) == {"none", "quantize"}
    app.button_group[0].set_value([]).run()
    assert "No run is left" in app.info[0].value


def test_a_nonsense_address_shows_the_default(app):
    app.query_params["model"] = "no_such_network"
    app.run()
    assert not app.exception
    assert app.selectbox[0].value == "vit_fashion"


def test_per_class_shows_the_figures_of_the_run_in_the_address(app):
    library = runs.Library(runs.gallery())
    run = library.table("resnet_fashion").index[2]
    app.query_params["model"], app.query_params["run"] = "resnet_fashion", run
    app.run().switch_page("views/per_class/page.py")
    app.query_params["model"], app.query_params["run"] = "resnet_fashion", run
    app.run()
    assert not app.exception
    shown, wanted = app.dataframe[0].value, library.per_class(run)
    assert list(shown.index) == list(wanted.index)
    for name in ("change", "accuracy", "precision"):
        assert list(shown[name]) == pytest.approx(list(100 * wanted[name]), nan_ok=True)
    assert list(shown["n01"]) == list(wanted["n01"])


def test_reference_page_shows_every_model_with_its_accuracy(app):
    app.run().switch_page("views/models/page.py").run()
    assert not app.exception
    frame = app.dataframe[0].value
    cards = models.cards()
    assert set(frame.index) == set(cards)
    for name, card in cards.items():
        assert abs(frame.loc[name, "test"] - 100 * card.test_accuracy) < 1e-9


@pytest.mark.slow
def test_home_and_compare_wait_for_no_library_that_they_do_not_need(tmp_path):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; sys.argv = ['main.py']\n"
        f"page = AppTest.from_file({str(MAIN)!r}, default_timeout=300).run().switch_page('views/compare/page.py').run()\n"
        "print(len(page.dataframe), *{'timm', 'captum', 'torch_geometric', 'torchao'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "2"  # two tables, and none of those libraries


def test_empty_names_among_the_sensitive_columns_are_dropped(app, tmp_path):
    rows = "\n".join(f"{i},{'fm'[i % 2]},{'ny'[i % 3 == 0]}" for i in range(60))
    (tmp_path / "people.csv").write_text(f"age,sex,label\n{rows}\n")
    app.run().switch_page("views/live/page.py")
    app.query_params["model"] = "your own"
    app.run()
    data = str(tmp_path / "people.csv")
    given = {"network": "timm:resnet18", "data": data, "target column": "label", "sensitive columns": "sex, "}
    for box in app.text_input:
        box.set_value(given.get(box.label, ""))
    app.button[0].click().run()
    assert app.error[0].value == "timm models take images; people holds none"  # the file and its groups were read before
