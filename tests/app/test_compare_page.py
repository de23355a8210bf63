"""Compare: a click shows the run in place, two runs beside each other, the smallest harmless version at once."""

import pytest

from labkit import runs


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
    assert f"### {shelf.table('vit_fashion')['label'][run]}" in said
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
    labels = shelf.table("mlp_adult")["label"]
    assert f"hollow is {labels[one]}, filled {labels[two]}" in said


def test_the_smallest_version_within_the_limits_takes_one_choice_and_one_click(app, shelf):
    app.run()
    for network in ("mlp_adult", "resnet_fashion", "vit_fashion"):  # a lifted limit of one network stays lifted for the next
        app.selectbox[0].set_value(network).run()
        assert not app.exception
        found = runs.recommend(shelf.table(network), per_class=shelf.per_class).id
        assert any(text.startswith(f"Run {found}:") for text in texts(app)), network
    app.button(key="show-recommended").click().run()
    assert f"### {shelf.table(network)['label'][found]}" in texts(app)


@pytest.mark.browser
def test_a_click_on_a_point_shows_its_run_below_and_rings_it_in_every_figure(app_url, desktop, shelf):
    desktop.goto(f"{app_url}/compare?model=mlp_adult")
    plot = desktop.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .trace .point").first.wait_for()
    place = plot.locator(".scatterlayer .trace .point").nth(1).bounding_box()
    plot.scroll_into_view_if_needed()
    place = plot.locator(".scatterlayer .trace .point").nth(1).bounding_box()
    desktop.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    desktop.locator(".hoverlayer .hovertext").first.wait_for()
    desktop.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    shown = desktop.locator(".st-key-picked-run")
    shown.wait_for()
    desktop.wait_for_url("**run=**")
    run = desktop.url.partition("run=")[2].partition("&")[0]
    assert shelf.table("mlp_adult")["label"][run] in shown.inner_text()
    rung = "node => node._fullData && node._fullData.some(trace => trace.name === 'selected')"
    desktop.wait_for_function(f"[...document.querySelectorAll('.js-plotly-plot')].filter({rung}).length >= 2")
