"""The shipped grid: every slider step is there, and its figures are those of an audit made anew."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from labkit import audit, compress, data, live, models, runs
from labkit.audit import data_id, model_sha
from labkit.compress import Method, Param
from labkit.live.grid import SHIPPED, Grid, make_grid, pack, save_grid, unpack
from labkit.training import predict

LIVE = [
    (model, method, layers)
    for model in ("resnet_fashion", "vit_fashion")
    for method in ("condense", "low_rank")
    for layers in ("inner", "all")
]


def grid_of(model, method, layers):
    network, split = models.load(model), data.load("fashion_mnist").test
    return live.load_grid(live.key_of(method, {"layers": layers}, model_sha(network), data_id(split))), network, split


@pytest.mark.parametrize(("model", "method", "layers"), LIVE)
def test_every_step_of_the_slider_is_audited(model, method, layers):
    grid, _, _ = grid_of(model, method, layers)
    assert grid is not None, "run: labkit sweep --gallery"
    np.testing.assert_allclose(grid.values, compress.METHODS[method].params[live.slider_of(method)].grid())


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method", "value"), [("resnet_fashion", "condense", 0.6), ("resnet_fashion", "low_rank", 0.8)])
def test_a_step_is_what_an_audit_finds(model, method, value):
    grid, network, split = grid_of(model, method, "inner")
    small = compress.METHODS[method](network, layers="inner", **{grid.slider: value})
    logits = predict(network, split)
    fresh = audit.audit(small, split, reference=network, reference_logits=logits, seconds=0)
    stored = grid.audit(value, split, logits)
    for name in ("accuracy", "accuracy_change", "ece", "brier", "agreement", "worst_class_change"):
        assert stored.summary[name] == pytest.approx(fresh.summary[name], abs=2e-3), name  # another CPU rounds a few ties otherwise
    for name in ("parameters", "bytes", "macs"):
        assert stored.summary[name] == fresh.summary[name], name
    assert (stored.predictions["predicted"] != fresh.predictions["predicted"]).sum() <= 5
    assert stored.summary["accuracy"] == (stored.predictions["predicted"] == split.labels).mean()


def test_a_grid_hit_is_exact_and_immediate():
    split = data.load("fashion_mnist").test
    found = list(live.progressive_audit("condense", {"sparsity": 0.61}, split, model="resnet_fashion"))
    assert [(step.source, step.examples) for step in found] == [("grid", 10_000)]
    off = next(iter(live.progressive_audit("condense", {"sparsity": 0.615}, split, model="resnet_fashion")))
    assert (off.source, off.examples) == ("computed", 256)


@pytest.mark.parametrize(
    ("classes", "sizes"),
    [*[(classes, (1, 1)) for classes in (2, 3, 10, 100, 256)], (257, (2, 2)), (1000, (2, 2)), (66_000, (4, 2))],
)
def test_packing_keeps_every_prediction_and_nearly_every_probability(classes, sizes):
    generator, count = np.random.default_rng(0), 500 if classes < 2000 else 20
    logits = generator.normal(size=(count, classes)).astype(np.float32) * generator.choice([0.01, 1, 10], (count, 1))
    packed = pack(logits)
    assert tuple(len(part) / count for part in packed) == sizes
    back = unpack(*packed, classes)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.argmax(1), logits.argmax(1))
    probability = np.exp(logits.max(1) - np.logaddexp.reduce(logits, 1))
    kept = np.exp(back.max(1) - np.logaddexp.reduce(back, 1))
    full = 255 if classes <= 256 else 65_535
    np.testing.assert_allclose(kept, np.maximum(probability, (full // classes + 1) / full), atol=0.5 / full + 1e-5)


def test_the_codes_in_files_stay_what_they_are():
    # probabilities 0.9, 0.6 and 1 of the classes 1, 0 and 2, in steps of 1/255
    logits = np.log(np.array([[0.05, 0.9, 0.05], [0.6, 0.2, 0.2], [1e-30, 1e-30, 1.0]]))
    assert pack(logits) == (bytes([1, 0, 2]), bytes([230, 153, 255]))


@pytest.fixture
def registered():
    before = dict(compress.METHODS)
    yield compress.register
    compress.METHODS.clear()
    compress.METHODS.update(before)


def test_a_grid_of_a_thousand_classes(registered, tmp_path):
    def apply(model, *, data=None, seed=0, progress=None, share):
        return compress.condense(model, sparsity=share)

    registered(Method("toy_wide", "Toy", "", apply, {"share": Param(0.6, 0.9, 0.6, step=0.3)}))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 1000)).eval()
    x = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    labels = model(torch.from_numpy(x)).argmax(1).numpy()
    split = data.Split(labels, [f"class {number}" for number in range(1000)], x=x)
    logits = predict(model, split)
    grid = make_grid("toy_wide", model, split, logits, {})
    path = save_grid(grid, tmp_path)
    stored = Grid(grid.key, pd.read_parquet(path))
    small = compress.condense(model, sparsity=0.9)
    fresh, found = predict(small, split), stored.audit(0.9, split, logits)
    np.testing.assert_array_equal(found.predictions["predicted"], fresh.argmax(1))
    assert found.predictions["predicted"].max() > 255
    assert found.summary["accuracy"] == (fresh.argmax(1) == labels).mean() < 1


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-40], lambda content: content[:200] + b"?" * 99 + content[299:], lambda _: b""]
)
def test_a_damaged_grid_is_ignored_and_said(tmp_path, damage):
    grid, *_ = grid_of("vit_fashion", "condense", "inner")
    path = save_grid(grid, tmp_path)
    assert live.load_grid(grid.key, tmp_path).rows.equals(grid.rows)
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / path.name).write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="is ignored, since it is damaged .*: its steps are computed"):
        assert live.load_grid(grid.key, folder) is None


def test_the_grid_of_a_calibrated_method_looks_at_the_data(registered):
    given = []

    def apply(model, *, data=None, seed=0, progress=None, share):
        given.append(data)
        return compress.condense(model, sparsity=share)

    registered(Method("toy_fed", "Toy", "", apply, {"share": Param(0.6, 0.9, 0.6, step=0.3)}, needs="optional"))
    model, split = models.load("mlp_mnist"), data.load("mnist").test.subset(slice(0, 50))
    logits, few = predict(model, split), data.load("mnist").train.subset(slice(0, 20))
    aware = make_grid("toy_fed", model, split, logits, {"calibration": "data"}, data=few)
    plain = make_grid("toy_fed", model, split, logits, {}, data=few)
    assert [each is few for each in given] == [True, True, False, False]
    assert aware.key.file != plain.key.file
    with pytest.raises(ValueError, match="toy_fed with calibration=data needs calibration inputs"):
        make_grid("toy_fed", model, split, logits, {"calibration": "data"})


def test_gallery_and_grid_ship_within_their_size():
    table = runs.gallery().table()
    assert len(table) >= 12
    assert set(table["model"]) == {"vit_fashion", "resnet_fashion", "mlp_adult"}
    assert set(table["damaged"]) == {""}
    files = [path for folder in (runs.gallery().folder, SHIPPED) for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 8_000_000
    assert not [path for path in files if path.suffix == ".safetensors"]


def test_gallery_runs_are_of_the_shipped_weights():
    table = runs.gallery().table()
    for run in runs.gallery().runs():
        assert run.model_sha == model_sha(models.load(run.model)), f"{run.id}: train the gallery again with labkit sweep --gallery"
    for name, group in table.groupby("model"):
        assert group["reference_accuracy"].nunique() == 1
        assert group["reference_accuracy"].iloc[0] == pytest.approx(models.cards()[name].test_accuracy, abs=3e-4)
