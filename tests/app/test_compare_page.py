"""Compare: a click shows the run in place, two runs beside each other, the smallest harmless version at once."""

import json

import pytest

from labkit import runs
from tests.app.conftest import place_of


@pytest.fixture(scope="module")
def shelf():
    return runs.Library(runs.gallery())


def texts(app):
    return [item.value for item in (*app.markdown, *app.caption)]


def test_parameters_are_columns_that_sort_as_numbers(app, shelf):
    app.run()
    shown, table = app.dataframe[0].value, shelf.table("vit_fashion")
    for name in ("param.sparsity", "param.budget"):
        assert shown[name].dtype.kind == "f"
        assert list(shown.loc[table.index, name].dropna()) == list(shown.loc[table.index, name][table[name].notna()])
    assert set(shown["param.layers"].dropna()) == set(table["param.layers"].dropna())


def test_the_run_in_the_address_is_shown_with_its_classes_and_the_examples_it_lost(app, shelf):
    run = shelf.table("vit_fashion").index[0]
    app.query_params["run"], app.query_params["class"] = run, "Shirt"
    app.run()
    assert not app.exception
    said = texts(app)
    assert f"### {shelf.table('vit_fashion')['in_words'][run]}" in said
    assert "#### Examples of Shirt that were lost" in said
    lost = int(shelf.per_class(run).loc["Shirt", "n01"])
    assert any(f"of {lost:,} examples that only the uncompressed network gets right" in text for text in said)


def test_two_runs_beside_each_other_say_what_changed(app, shelf):
    one, two = shelf.table("mlp_adult").index[[0, 3]]
    app.query_params["model"], app.query_params["run"], app.query_params["with"] = "mlp_adult", one, two
    app.run()
    assert not app.exception
    first, second = (shelf.audit(run).predictions for run in (one, two))
    right = [table["predicted"] == table["label"] for table in (first, second)]
    said = " ".join(texts(app))
    assert f"{(right[0] & ~right[1]).sum():,} examples are right in" in said
    assert f"{(right[1] & ~right[0]).sum():,} in " in said
    assert said.count("#### Groups") == 2  # of the run against the uncompressed network, and of one run against the other
    labels = shelf.table("mlp_adult")["in_words"]
    assert f"hollow is {labels[one]}, filled {labels[two]}" in said


def test_the_smallest_version_within_the_limits_takes_one_choice_and_one_click(app, shelf):
    app.run()
    for network in ("mlp_adult", "resnet_fashion", "vit_fashion"):  # a lifted limit of one network stays lifted for the next
        app.selectbox[0].set_value(network).run()
        assert not app.exception
        found = runs.recommend(shelf.table(network), per_class=shelf.per_class).id
        assert any(text.startswith(f"Run {found}:") for text in texts(app)), network
    app.button(key="show-recommended").click().run()
    assert f"### {shelf.table(network)['in_words'][found]}" in texts(app)


def test_runs_are_named_in_words_wherever_one_is_named(app, shelf):
    """Those of the registry, as on Live; what was set stays in the columns of the table."""
    inner = "Fixed fan-in (condensed), all but first and last layers, sparsity 0.7"
    table = shelf.table("vit_fashion")
    condensed = table[(table["method"] == "condense") & (table["param.layers"] == "inner")]
    run = condensed.index[condensed["param.sparsity"] == 0.7][0]
    app.query_params["run"], app.query_params["with"] = run, condensed.index[condensed["param.sparsity"] == 0.5][0]
    app.run()
    assert not app.exception
    shown = app.dataframe[0].value
    assert shown.loc[run, "in_words"] == inner
    assert (shown.loc[run, "method"], shown.loc[run, "param.layers"]) == ("condense", "inner")
    assert any(text.startswith(f"### From {inner} to ") for text in texts(app))
    boxes = {box.label: box for box in (*app.selectbox, *app.multiselect)}
    assert inner in boxes["runs to exclude"].options
    assert inner.replace("0.7", "0.9") in boxes["compare with"].options
    assert not any("sparsity=" in option for box in boxes.values() for option in box.options)
    charts = [json.loads(block.proto.spec)["data"] for block in app.get("plotly_chart") if "best for its" in block.proto.spec]
    hovered = [
        text.partition("</b>")[0].removeprefix("<b>") for data in charts for trace in data for text in trace.get("hovertext", [])
    ]
    assert len(hovered) > 10
    assert set(hovered) <= {"uncompressed", *table["in_words"]}
    app.switch_page("views/per_class/page.py").run()
    assert inner in next(box for box in app.selectbox if box.label == "run").options


@pytest.mark.browser
def test_a_click_on_a_point_shows_its_run_below_and_rings_it_in_every_figure(app_url, desktop, shelf):
    desktop.goto(f"{app_url}/compare?model=mlp_adult")
    plot = desktop.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .trace .point").first.wait_for()
    place = place_of(desktop, plot.locator(".scatterlayer .trace .point").nth(1))
    desktop.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    desktop.locator(".hoverlayer .hovertext").first.wait_for()
    desktop.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    shown = desktop.locator(".st-key-picked-run")
    shown.wait_for()
    desktop.wait_for_url("**run=**")
    run = desktop.url.partition("run=")[2].partition("&")[0]
    assert shelf.table("mlp_adult")["in_words"][run] in shown.inner_text()
    rung = "node => node._fullData && node._fullData.some(trace => trace.name === 'selected')"
    desktop.wait_for_function(f"[...document.querySelectorAll('.js-plotly-plot')].filter({rung}).length >= 2")
