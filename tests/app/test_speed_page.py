"""The Speed page: figures of the benchmarks' files, and a layer measured on the spot."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import MAIN, PATIENCE

FORMS = ["ours", "torch CSR", "scipy CSR", "gather", "dense"]


def layer_rows():
    """Ours takes half the time of dense at sparsity 0.8, a quarter at 0.9, and an eighth of what is wide."""
    rows = []
    for outputs, sparsity, ratio in ((768, 0.8, 2.0), (768, 0.9, 4.0), (4096, 0.99, 8.0)):
        for batch, mode in ((1, "inference"), (64, "inference"), (64, "training")):
            for form, speed in (("dense", 1.0), ("ours", ratio if mode == "inference" else 0.5)):
                time = 1000 * batch / speed
                cell = {"in": 3072, "out": outputs, "sparsity": sparsity, "batch": batch, "mode": mode, "what": form}
                times = {"median_us": time, "low_us": time, "high_us": time, "ratio_to_dense": speed}
                rows.append({**cell, **times, "bytes": 100, "turns": 5, "threads": 2})
    return rows


def network_rows():
    return [
        {"model": "vit", "batch": 1, "sparsity": sparsity, "what": form, "median_ms": 6 / speed, "low_ms": 6 / speed}
        | {"high_ms": 6 / speed, "ratio_to_dense": speed}
        for sparsity, ratio in ((0.8, 1.5), (0.9, 3.0))
        for form, speed in (("dense", 1.0), ("ours", ratio))
    ]


def opened(app, **address):
    app.run().switch_page("views/speed/page.py")
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def stop_buttons(app):
    return [button for button in app.button if button.label == "Stop"]


def until(app, done):
    """Run the page again until it shows what is waited for."""
    while not done():
        time.sleep(0.1)
        app.run()
        assert not app.exception


def text(app):
    return " ".join(block.value for block in app.markdown)


def test_without_results_the_page_says_how_to_make_them(app, results):
    results()
    told = [box.value for box in opened(app).info]
    assert len(told) == 2
    assert "`python benchmarks/fixed_fan_in.py`" in told[0]
    assert "`python benchmarks/vit_end_to_end.py`" in told[1]
    assert not app.get("plotly_chart")


def test_a_layer_is_shown_with_its_sentence_and_table(app, results):
    results(fixed_fan_in=layer_rows())
    opened(app)
    assert [box.value for box in app.selectbox] == ["3072x768", "0.9"]
    assert "In batches of 64, **ours is 4.00 times as fast as the dense layer**: 16,000 µs, dense 64,000 µs." in text(app)
    assert "In training, forward and backward, 0.50 times." in text(app)
    table = app.dataframe[0].value
    assert set(table["sparsity"]) == {0.9}
    assert len(table) == 6
    assert any("Difference Engine, 2 cores, 2 threads, avx2, Python 3.11.0, Linux" in caption.value for caption in app.caption)


def test_the_address_says_which_layer(app, results):
    results(fixed_fan_in=layer_rows())
    opened(app, shape="3072x4096", sparsity="0.99")
    assert "ours is 8.00 times as fast" in text(app)
    app.selectbox[0].set_value("3072x768").run()
    assert app.selectbox[1].value == "0.9"  # that layer has not been measured at 0.99
    app.selectbox[1].set_value("0.8").run()
    assert "ours is 2.00 times as fast" in text(app)
    assert app.query_params["sparsity"] == "0.8"


def test_whole_networks_are_shown_at_one_sparsity(app, results):
    results(vit_end_to_end=network_rows())
    opened(app)
    assert app.selectbox[0].value == "0.9"
    assert list(app.dataframe[0].value["ratio_to_dense"]) == [1, 3]
    app.selectbox[0].set_value("0.8").run()
    assert list(app.dataframe[0].value["ratio_to_dense"]) == [1, 1.5]


@pytest.mark.parametrize("content", ["[", "{}", '{"rows": 3, "machine": {}}', '{"rows": [], "machine": {}}'])
def test_a_file_that_holds_something_else_is_a_sentence(app, results, content):
    (results() / "fixed_fan_in.json").write_text(content)
    opened(app)
    assert "fixed_fan_in.json holds no results" in app.error[0].value
    assert "delete it and run python benchmarks/fixed_fan_in.py" in app.error[0].value


def test_a_layer_is_measured_on_the_spot_and_remembered(app, results):
    results()
    opened(app)
    for box, value in zip(app.number_input, (64, 32), strict=True):
        box.set_value(value)
    app.multiselect[0].set_value([1])
    app.slider[0].set_value(0.75)
    app.button[0].click().run()
    until(app, lambda: app.dataframe and not stop_buttons(app))
    table = app.dataframe[0].value
    assert sorted(table["what"]) == sorted(FORMS)
    assert set(table[["in", "out", "sparsity", "batch"]].itertuples(index=False, name=None)) == {(64, 32, 0.75, 1)}
    before = list(table["median_us"])
    app.number_input[0].set_value(128).run()
    assert list(app.dataframe[0].value["median_us"]) == before
    assert "64 inputs, 32 outputs, sparsity 0.75" in text(app)


def test_a_measurement_tells_how_far_it_is_and_can_be_stopped_and_keeps_what_it_has(app, results):
    results()
    opened(app, inputs="2048", outputs="2064", batches="8")
    app.multiselect[0].set_value([8, 256])
    app.run()
    app.button[0].click().run()
    assert stop_buttons(app)  # the page does not wait for the end
    until(app, lambda: app.dataframe)
    assert set(app.dataframe[0].value["batch"]) == {8}
    assert any("of 2 batch sizes measured" in bar.proto.text for bar in app.get("progress"))
    app.number_input[0].set_value(64).run()
    (stop,) = stop_buttons(app)  # it stays in sight
    stop.click().run()
    assert not stop_buttons(app)
    assert set(app.dataframe[0].value["batch"]) == {8}
    assert app.button[0].label == "Measure on this machine"


def test_a_measurement_is_found_again_by_whoever_opens_the_same_address(app, results):
    results()
    opened(app)
    app.number_input[0].set_value(1024)
    app.number_input[1].set_value(2080)
    app.run()
    app.button[0].click().run()
    again = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    opened(again)
    again.number_input[0].set_value(1024)
    again.number_input[1].set_value(2080)
    again.run()
    assert stop_buttons(again)
    stop_buttons(again)[0].click().run()
    until(app, lambda: not stop_buttons(app))


def test_nothing_is_measured_without_a_batch_size(app, results):
    results()
    opened(app)
    app.multiselect[0].set_value([]).run()
    assert app.button[0].disabled


@pytest.mark.browser
def test_a_measurement_in_the_browser(app_url, page):
    address = f"{app_url}/speed?inputs=64&outputs=32&zeros=0.75&batches=1&batches=8"
    page.goto(address)
    page.get_by_role("heading", name="Speed", exact=True).wait_for()
    page.get_by_role("button", name="Measure on this machine").click()
    page.get_by_text("64 inputs, 32 outputs, sparsity 0.75").wait_for()  # the kernel may be compiled first
    plot = page.get_by_role("figure", name="Speed beside dense, measured here").locator(".js-plotly-plot")
    plot.locator(".main-svg").first.wait_for()
    traces = plot.evaluate("node => Object.fromEntries(node._fullData.map(t => [t.name, [[...t.x], [...t.y]]]))")
    assert list(traces) == FORMS
    for where, ratios in traces.values():
        assert where == ["1", "8"]
        assert all(ratio > 0 for ratio in ratios)
    assert traces["dense"][1] == [1, 1]
    assert page.url == address
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
