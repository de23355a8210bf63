"""The registry: settings are checked in one place, and a method from outside is as good as ours."""

import importlib.util

import pytest
from torch import nn

from labkit import compress
from labkit.compress import METHODS, Choice, Method, Param, get_method, register


@pytest.fixture(autouse=True)
def restored():
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def toy(**options):
    def apply(model, *, data=None, seed=0, progress=None, **settings):
        calls.append({"data": data, "seed": seed, **settings})
        return nn.Sequential(nn.Identity()).train()

    calls = []
    params = {"share": Param(0.1, 0.9, 0.5), "groups": Param(1, 8, 4, step=1), "mode": Choice(("a", "b"), "a")}
    method = Method("toy", "Toy", "none", apply, **{"params": params, **options})
    return method, calls


def test_settings_are_given_values_and_defaults():
    method, calls = toy()
    assert method.settings({}) == {"share": 0.5, "groups": 4, "mode": "a"}
    assert method.settings({"groups": "2", "share": "0.25"}) == {"share": 0.25, "groups": 2, "mode": "a"}
    assert type(method.settings({"groups": 2.0})["groups"]) is int  # the id of a run tells 2 from 2.0
    assert type(method.settings({"share": 1})["share"]) is float
    small = method(nn.Linear(1, 1), seed=3, mode="b")
    assert calls == [{"data": None, "seed": 3, "share": 0.5, "groups": 4, "mode": "b"}]
    assert not small.training


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shar": 0.5}, "unknown parameter of toy 'shar'; did you mean 'share'"),
        ({"share": "much"}, "parameter share of toy needs a number, got 'much'"),
        ({"share": None}, "needs a number, got None"),
        ({"share": float("nan")}, "finite number, got nan"),
        ({"groups": 2.5}, "parameter groups of toy needs a whole number, got 2.5"),
        ({"groups": "inf"}, "finite number, got 'inf'"),
        ({"mode": "c"}, "parameter mode of toy must be one of a, b, got 'c'"),
    ],
)
def test_bad_settings_are_one_sentence(given, words):
    method, calls = toy()
    with pytest.raises(ValueError, match=words):
        method(nn.Linear(1, 1), **given)
    assert calls == []


def test_free_words():
    assert Choice(("all", "mlp"), "all", free=True).parse("blocks.*") == "blocks.*"


@pytest.mark.parametrize(
    ("param", "grid"),
    [
        (Param(1, 4, 2, step=1), [1, 2, 3, 4]),
        (Param(0.0, 1.0, 0.5, step=0.25), [0, 0.25, 0.5, 0.75, 1]),
        (Param(0.0, 1.0, 0.5, step=0.4), [0, 0.4, 0.5, 0.8, 1]),
        (Param(0.0, 1.0, 0.5, step=0.6), [0, 0.5, 0.6, 1]),
        (Param(2, 9, 4, step=3), [2, 4, 5, 8, 9]),
        (Param(0.1, 0.3, 0.3, step=0.1), [0.1, 0.2, 0.3]),
        (Param(5, 5, 5, step=1), [5]),
    ],
    ids=str,
)
def test_the_grid_has_both_ends_and_the_default(param, grid):
    assert param.grid() == grid


@pytest.mark.parametrize("name", METHODS)
def test_grids_of_every_method(name):
    for param in METHODS[name].params.values():
        if isinstance(param, Param):
            grid = param.grid()
            assert {param.low, param.high, param.default} <= set(grid)
            assert grid == sorted(set(grid))
            assert all(param.low <= value <= param.high for value in grid)


def test_sliders_are_the_numbers_that_are_live():
    params = {"mode": Choice(("a",), "a"), "rounds": Param(0, 9, 0, step=1, live=False), "share": Param(0.1, 0.9, 0.5)}
    method, calls = toy(params=params)
    assert list(method.sliders) == ["share"]
    method(nn.Linear(1, 1), rounds=3)  # not on the page is not forbidden
    assert calls[0]["rounds"] == 3


@pytest.mark.parametrize("bounds", [(1, 0, 0.5), (0, 1, 2), (0, 1, -1), (0, 1, 0.5, 0)])
def test_impossible_parameters(bounds):
    with pytest.raises(ValueError, match="low <= default <= high and step > 0"):
        Param(*bounds)


@pytest.mark.parametrize(("needs", "words"), [("calibration", "calibration inputs"), ("training", "a data set to learn from")])
def test_data_is_asked_for(needs, words):
    method, calls = toy(needs=needs)
    with pytest.raises(ValueError, match=f"toy needs {words}"):
        method(nn.Linear(1, 1))
    assert calls == []
    method(nn.Linear(1, 1), data=[1])
    assert calls[0]["data"] == [1]


def test_an_apply_that_returns_no_model():
    method = Method("forgot", "", "", lambda model, **_: None)
    with pytest.raises(TypeError, match=r"forgot must return an nn.Module, got NoneType"):
        method(nn.Linear(1, 1))


def test_register():
    method, _ = toy()
    assert register(method) is METHODS["toy"] is get_method("toy")
    other, _ = toy(version=2)
    assert register(other) is get_method("toy")
    with pytest.raises(TypeError, match=r"takes a labkit.compress.Method, got dict"):
        register({"name": "toy"})
    with pytest.raises(ValueError, match="identifier, got 'my method'"):
        register(Method("my method", "", "", lambda model: model))
    with pytest.raises(ValueError, match="unknown method 'condens'; did you mean 'condense'"):
        get_method("condens")


def test_no_exported_name_hides_a_module():
    for name in compress.__all__:
        assert importlib.util.find_spec(f"labkit.compress.{name}") is None, name
    assert callable(compress.condense)
    assert METHODS["condense"].apply.__module__ == "labkit.compress.methods.condense"
