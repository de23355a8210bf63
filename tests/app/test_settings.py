"""Settings of the pages without a browser: every choice counts, outlives a change of the page, and unknown names are said."""

import pytest
from streamlit.testing.v1 import AppTest

from labkit import runs
from tests.app.conftest import MAIN


def go(app, page, **address):
    app.query_params.clear()
    app.query_params.update(address)
    return app.switch_page(f"views/{page}/page.py").run()


def box(app, label):
    return next(box for box in app.selectbox if box.label == label)


def test_every_second_choice_counts(app):
    app.run()
    for network in ("resnet_fashion", "mlp_adult", "resnet_fashion", "mlp_adult"):
        app.selectbox[0].select(network).run()
        assert app.selectbox[0].value == network
        assert app.query_params["model"] == network


def test_the_network_goes_along_to_other_pages_and_comes_back(app):
    app.run().selectbox[0].select("mlp_adult").run()
    for page in ("per_class", "live", "compare"):
        assert box(go(app, page), "network").value == "mlp_adult"
        assert app.query_params["model"] == "mlp_adult"


def test_the_method_and_its_options_are_there_when_one_comes_back(app):
    go(app.run(), "live", model="mlp_mnist")
    box(app, "method").select("low_rank").run()
    box(app, "layers").select("inner").run()
    go(app, "speed")
    go(app, "live")
    assert (box(app, "network").value, box(app, "method").value, box(app, "layers").value) == ("mlp_mnist", "low_rank", "inner")


def test_runs_of_another_network_take_the_place_of_the_chosen_run(app):
    library = runs.Library(runs.gallery())
    go(app.run(), "per_class", model="mlp_adult")
    chosen = box(app, "run").options[-1]
    box(app, "run").select(chosen).run()
    box(app, "network").select("resnet_fashion").run()
    assert box(app, "run").value in library.table("resnet_fashion").index
    assert not app.exception


@pytest.mark.parametrize(
    ("page", "address", "said"),
    [
        ("compare", {"model": "nope"}, "no network 'nope'; showing vit_fashion"),
        ("per_class", {"model": "mlp_adult", "run": "nope"}, "no run 'nope'; showing "),
    ],
)
def test_what_the_address_names_and_is_not_there_is_said(app, page, address, said):
    go(app.run(), page, **address)
    assert [warning.value for warning in app.warning if warning.value.startswith(said)]
    one = app.selectbox[0 if page == "compare" else 1]
    one.select(next(option for option in one.options if option != one.options[one.index])).run()
    assert not [warning.value for warning in app.warning if "nope" in warning.value]


def two_boxes():
    import streamlit as st

    from common.address import choose, follow

    follow("page")
    first = choose(st.container(), "first", ["a", "b"], name="first")
    choose(st.container(), "second", ["x", "y", "z"], name="second", start={"a": "x", "b": "y"}[first])


def test_what_was_never_chosen_follows_what_it_depends_on_and_what_was_chosen_stays(monkeypatch):
    monkeypatch.syspath_prepend(str(MAIN.parent))
    app = AppTest.from_function(two_boxes, default_timeout=60).run()
    app.selectbox[0].select("b").run()
    assert app.selectbox[1].value == "y"
    assert app.query_params == {"first": "b"}
    app.selectbox[1].select("z").run()
    app.selectbox[0].select("a").run()
    assert [one.value for one in app.selectbox] == ["a", "z"]
    assert app.query_params == {"second": "z"}
