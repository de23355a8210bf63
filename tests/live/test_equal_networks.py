"""Equal settings give equal networks, whoever asks: Live, the sweep and the command line calibrate on the same inputs."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from labkit import data, live, models, runs
from labkit.audit import model_sha
from labkit.cli import cli
from labkit.compress import METHODS


@pytest.fixture
def recorded():
    """Fingerprints of the networks that a method makes, in the order in which they are made."""
    before, shas = dict(METHODS), []

    def record(name):
        def apply(model, **options):
            small = before[name].apply(model, **options)
            shas.append(model_sha(small))
            return small

        METHODS[name] = replace(before[name], apply=apply)
        return shas

    yield record
    METHODS.clear()
    METHODS.update(before)


@pytest.mark.parametrize(
    ("model", "method", "settings"),
    [
        ("mlp_mnist", "low_rank", {"budget": 0.3, "calibration": "data"}),
        pytest.param("vit_fashion", "fips", {"budget": 0.1}, marks=pytest.mark.slow),
    ],
)
def test_live_sweep_and_command_line_make_the_same_network(tmp_path, recorded, model, method, settings):
    shas, dataset = recorded(method), data.load(models.get_recipe(model).data)
    few = dataset.test.subset(slice(0, 40))
    list(live.progressive_audit(method, settings, few, model=live.Session(model, few), seconds=0))
    list(live.progressive_audit(method, settings, few, model=live.Session(model, few, dataset), seconds=0))
    (run,) = runs.sweep({"models": [model], "methods": {method: settings}}, runs.Store(tmp_path / "sweep"))
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = ["compress", "--model", model, "--method", method, *given, "--store", str(tmp_path / "cli")]
    shown = CliRunner().invoke(cli, words)
    assert shown.exit_code == 0, shown.output
    assert len(shas) == 4
    assert len(set(shas)) == 1
    assert runs.Store(tmp_path / "cli").runs()[0].id == run.id
    stored, _ = runs.Store(tmp_path / "sweep").load(run.id)
    assert model_sha(stored) == shas[0]
    if method == "low_rank":
        plain = METHODS[method](models.load(model), budget=settings["budget"])
        assert model_sha(plain) != shas[0]  # the data made a difference
