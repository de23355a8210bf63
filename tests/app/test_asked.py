"""Measures on request on the page Compare, without a browser."""

import sys
import threading
import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from labkit import runs
from labkit.audit import MEASURES, Measure, register_measure
from tests.app.conftest import MAIN, PATIENCE


@pytest.fixture
def slow(app, tmp_path, monkeypatch):
    """Compare with a measure that takes as long as the test wants, on a store of the user's own."""
    before, gate = dict(MEASURES), {"pass": threading.Semaphore(0), "error": ""}

    def compute(evidence):
        assert gate["pass"].acquire(timeout=60)
        if gate["error"]:
            raise IndexError(gate["error"])
        return float((evidence.predicted == 0).mean())

    monkeypatch.setattr(sys, "argv", [str(MAIN), "--store", str(tmp_path / "own")])
    st.cache_resource.clear()  # the store of the test before, and its works
    register_measure(Measure("toy_first", "first class", compute=compute, when="asked"))
    gate["app"], gate["store"] = opened(app), runs.Store(tmp_path / "own")
    yield gate
    MEASURES.clear()
    MEASURES.update(before)
    st.cache_resource.clear()


def opened(app):
    app.query_params["model"] = "mlp_adult"
    app.run()
    assert not app.exception
    return app


def button(app, label):
    return next((button for button in app.button if button.label == label), None)


def box(app):
    return next(box for box in app.selectbox if box.label == "run")


def until(app, done):
    """Run the page again until it shows what is waited for."""
    end = time.monotonic() + 300
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
        assert not app.exception


def measured(store):
    return [run for run in store.runs() if "toy_first" in run.summary]


def test_a_measure_is_computed_in_the_background_and_found_again(slow):
    app = slow["app"]
    assert any("Not measured on any of these runs yet: first class" in caption.value for caption in app.caption)
    chosen = box(app).options[1]
    box(app).select_index(1)
    button(app, "Measure first class on the selected run").click().run()  # the box and the button in one go
    assert button(app, "Stop") is not None  # the page does not wait for the end
    assert button(app, "Measure first class on the selected run").disabled
    again = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    again._page_hash = app._page_hash
    opened(again)
    assert button(again, "Stop") is not None  # as after a reload
    until(again, lambda: any(chosen in bar.proto.text for bar in again.get("progress")))
    slow["pass"].release()
    until(app, lambda: not button(app, "Stop"))
    (run,) = measured(slow["store"])
    assert app.dataframe[0].value["toy_first"].count() == 1
    assert app.dataframe[0].value.index[app.dataframe[0].value["toy_first"].notna()][0] == run.id
    assert not any("Not measured on any" in caption.value for caption in app.caption)


def test_what_was_measured_before_a_stop_is_kept_and_shown(slow):
    app = slow["app"]
    box(app).select_index(len(box(app).options) - 1).run()
    button(app, "Measure first class on the listed runs").click().run()
    total = len(app.dataframe[0].value) - 1
    slow["pass"].release()  # the second one waits
    until(app, lambda: measured(slow["store"]))
    button(app, "Stop").click().run()
    assert button(app, "Stop") is None
    assert app.dataframe[0].value["toy_first"].count() == 1 < total
    slow["pass"].release()
    assert not button(app, "Measure first class on the listed runs").disabled


def test_a_failure_is_a_sentence_and_the_button_is_back(slow):
    app, slow["error"] = slow["app"], "off by one"
    slow["pass"].release()
    button(app, "Measure first class on the selected run").click().run()
    until(app, lambda: not button(app, "Stop"))
    assert [box.value for box in app.error] == ["measure toy_first failed: IndexError: off by one"]
    assert not button(app, "Measure first class on the selected run").disabled
    assert not measured(slow["store"])
