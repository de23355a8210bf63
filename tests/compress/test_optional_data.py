"""Methods that may look at data: the choice is a parameter that changes neither ids of stored runs nor keys of grids."""

import pytest
import torch
from torch import nn

from labkit import compress, models, runs
from labkit.compress import METHODS, Method, Param
from labkit.live.gallery import LIVE_LAYERS, LIVE_METHODS, LIVE_MODELS
from labkit.live.grid import SHIPPED, key_of
from labkit.runs.identity import run_id


def toy(**options):
    def apply(model, *, data=None, seed=0, progress=None, **settings):
        calls.append({"data": data, **settings})
        return nn.Identity()

    calls = []
    return Method("toy", "Toy", "", apply, {"share": Param(0.0, 1.0, 0.5)}, needs="optional", **options), calls


def test_the_choice_is_a_setting_only_where_data_are_used():
    method, calls = toy()
    assert method.settings({}) == method.settings({"calibration": "none"}) == {"share": 0.5}
    assert method.settings({"calibration": "data"}) == {"share": 0.5, "calibration": "data"}
    method(nn.Identity(), data=[1])
    method(nn.Identity(), data=[1], calibration="data")
    assert calls == [{"data": None, "share": 0.5}, {"data": [1], "share": 0.5}]
    with pytest.raises(ValueError, match=r"toy with calibration=data needs calibration inputs \(data=…\), got none"):
        method(nn.Identity(), calibration="data")
    with pytest.raises(ValueError, match="calibration of toy must be one of none, data, got 'yes'"):
        method(nn.Identity(), calibration="yes")
    assert len(calls) == 2


def test_other_values_of_needs_are_refused():
    with pytest.raises(ValueError, match="nothing, optional, calibration or training, got 'sometimes'"):
        Method("m", "t", "p", lambda m, **_: m, needs="sometimes")


def test_low_rank_looks_at_the_data_only_when_told_to():
    model, x = models.load("mlp_mnist"), torch.rand(64, 1, 28, 28)
    method = METHODS["low_rank"]
    plain, ignored = method(model, budget=0.3), method(model, budget=0.3, data=x)
    aware = method(model, budget=0.3, data=x, calibration="data")
    wanted = compress.low_rank(model, budget=0.3, calibration=x)
    with torch.no_grad():
        assert torch.equal(plain(x), ignored(x))
        assert torch.equal(aware(x), wanted(x))
        exact = model(x)
        assert (aware(x) - exact).square().mean() < (plain(x) - exact).square().mean()


def test_every_shipped_run_is_found_by_its_settings():
    stored = [run for run in runs.gallery().runs() if run.method in METHODS]
    assert {run.method for run in stored} >= {"condense", "low_rank", "quantize"}
    for run in stored:
        settings = METHODS[run.method].settings(run.parameters)
        assert settings == run.parameters
        facts = {"version": METHODS[run.method].version, "model_sha": run.model_sha, "data_id": run.data_id, "seed": run.seed}
        assert run_id(method=run.method, parameters=settings, **facts) == run.id


def test_every_shipped_grid_is_found_by_its_settings():
    references = [path.stem.split("-")[1:] for path in SHIPPED.glob("reference-*.parquet")]
    assert len(references) == len(LIVE_MODELS)
    files = {
        key_of(method, {"layers": layers}, sha, data).file
        for method in LIVE_METHODS
        for layers in LIVE_LAYERS
        for sha, data in references
    }
    assert files == {path.name for path in SHIPPED.glob("*.parquet")} - {path.name for path in SHIPPED.glob("reference-*.parquet")}


def test_tables_of_a_compressed_network():
    vit = models.load("vit_fashion")
    small = METHODS["fips"](vit, budget=0.1, data=torch.rand(32, 1, 28, 28))
    assert METHODS["fips"].tables == {"sharing": "shared_bases"}
    assert METHODS["fips"].tables_of(small)["sharing"].equals(compress.sharing(small))
    assert METHODS["fips"].tables_of(vit) == {}  # nothing is shared in it
    assert METHODS["condense"].tables_of(vit) == {}
    with pytest.raises(ValueError, match="tables of toy name a, but it has no diagnose="):
        toy(tables={"a": ""})
