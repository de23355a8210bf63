"""The helper file of the notebooks, without a browser."""

import gc
import importlib.util
import threading
import time
import weakref
from pathlib import Path

import pytest

from labkit import live
from labkit.audit import Headline

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def controls():
    spec = importlib.util.spec_from_file_location("controls", ROOT / "notebooks" / "controls.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Answer:
    """As much of a `Progress` as the line under a slider needs."""

    def __init__(self, examples, total=1000):
        self.examples, self.total, self.exact = examples, total, examples == total


def until(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_slider_draws_at_once_and_at_every_move(controls):
    drawn = []
    slider = controls.live_slider("sparsity", [0.5, 0.55, 0.6], 0.56, drawn.append)
    slider.index = 2
    slider.index = 0
    assert drawn == [0.55, 0.6, 0.5]
    assert slider.continuous_update
    assert [text for text, _ in slider.options] == ["0.50", "0.55", "0.60"]


def test_buttons_draw_at_once_and_at_every_click(controls):
    drawn = []
    choice = controls.live_choice(["a", "b"], drawn.append)
    choice.value = "b"
    assert drawn == ["a", "b"]


def test_without_options_there_is_a_note(controls):
    drawn = []
    assert "make bench" in controls.live_choice([], drawn.append).value
    assert not drawn


def test_facts_are_cards_with_a_line_below(controls):
    html = controls.facts({"rank": ("7", "of 128")})
    assert "rank</span>" in html
    assert "7</strong>" in html
    assert "of 128</span>" in html


def test_results_have_the_columns_that_are_asked_for_also_without_a_file(controls, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert controls.results("missing", ["a", "b"]).columns.tolist() == ["a", "b"]
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "results" / "some.json").write_text('{"rows": [{"method": "x", "a": 1, "other": 2}]}')
    assert controls.results("some", ["method", "a"]).to_dict("records") == [{"method": "x", "a": 1}]


def test_cards_escape_what_they_show(controls):
    html = controls.cards([Headline("k", "<i>", "1 & 2", "", "bad", 'say "no"'), Headline("k", "t", "v", "d", "good", "h")])
    assert "<i>" not in html
    assert "1 &amp; 2" in html
    assert 'title="say &quot;no&quot;"' in html
    assert '<strong class="bad">' in html
    assert '<span class="good">d</span>' in html


def test_follow_draws_the_first_answer_before_it_returns_and_later_ones_after(controls):
    latest, drawn, go_on = live.Latest(), [], threading.Event()

    def answers(cancel):
        yield Answer(256)
        go_on.wait(5)
        yield Answer(1000)

    latest.ask("first", answers)
    line = controls.follow(latest, lambda answer: drawn.append(answer.examples))
    assert drawn == [256]
    assert line.value.startswith("So far 256 of 1,000")
    go_on.set()
    until(lambda: line.value == "Exact: all 1,000 examples.")
    assert drawn == [256, 1000]


def test_follow_tells_answers_of_another_kind_in_their_own_words(controls):
    latest, drawn = live.Latest(), []
    latest.ask("letters", lambda cancel: iter("a"))
    line = controls.follow(latest, drawn.append, lambda letter: f"the letter {letter}")
    assert (drawn, line.value) == (["a"], "the letter a")
    latest.ask("more letters", lambda cancel: iter("b"))
    until(lambda: line.value == "the letter b")
    assert drawn == ["a", "b"]


def test_follow_says_what_went_wrong_and_goes_on(controls):
    latest, drawn = live.Latest(), []
    latest.ask("good", lambda cancel: iter([Answer(1000)]))
    line = controls.follow(latest, lambda answer: drawn.append(answer.examples))

    def wrong(cancel):
        raise ValueError("no layer matches layers='<mpl>'")
        yield

    latest.ask("bad", wrong)
    until(lambda: "no layer matches" in line.value)
    assert "<mpl>" not in line.value
    latest.ask("good again", lambda cancel: iter([Answer(7)]))
    until(lambda: drawn == [1000, 7])


def test_follow_ends_with_what_it_follows(controls):
    """A cell that is run again makes another; the old thread must not go on."""
    latest = live.Latest()
    latest.ask("only", lambda cancel: iter([Answer(1000)]))
    before = set(threading.enumerate())
    controls.follow(latest, lambda answer: None)
    (thread,) = set(threading.enumerate()) - before
    gone = weakref.ref(latest)
    del latest
    gc.collect()
    until(lambda: gone() is None and not thread.is_alive())


def test_follow_rests_while_nothing_happens(controls):
    """A thread that asks without pause would take half of every other thread's time."""
    latest = live.Latest()
    latest.ask("only", lambda cancel: iter([Answer(1000)]))
    controls.follow(latest, lambda answer: None)
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.5
