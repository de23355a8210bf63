"""What comes from outside is shown briefly, whatever it is and however large."""

import collections
import time

import pytest

from labkit.messages import cut, said, unknown_name
from labkit.words import shortly


class Angry:
    def __repr__(self):
        raise RuntimeError("no")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no")


def doubled(times):
    value = ["x" * 100]
    for _ in range(times):
        value = [value, value]
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def endless():
    value = {}
    value["self"] = value
    return value


@pytest.mark.parametrize(
    "value",
    [
        doubled(60),
        deep(5000),
        endless(),
        "a" * 10**7,
        b"a" * 10**7,
        10**100_000,
        -(10**100_000),
        Angry(),
        [Angry()] * 1000,
        dict.fromkeys(range(10**5), "b" * 1000),
        collections.OrderedDict.fromkeys(range(10**5), "b" * 1000),
        set(range(10**5)),
        float("nan"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_short_and_quick(value):
    began = time.process_time()
    assert 0 < len(shortly(value)) <= 200
    assert 0 < len(shortly(value, 20)) <= 20
    assert len(str(unknown_name("method", value, ["condense"] * 3))) < 400
    assert time.process_time() - began < 1


def test_short_values_are_shown_whole():
    for value in (0.5, "some", [1, 2], {"a": None}, True, b"x", ()):
        assert shortly(value) == repr(value)


def test_what_foreign_code_raises_is_one_short_line():
    assert said(ValueError("one\ntwo")) == "ValueError: one"
    assert said(Mute()) == "Mute"
    assert len(said(ValueError("x" * 10**6))) < 300
    assert said(SystemExit(0)) == "it called sys.exit(0)"
    assert cut("short") == "short"
    assert len(str(unknown_name("column", "x", map(str, range(10_000))))) < 1000
