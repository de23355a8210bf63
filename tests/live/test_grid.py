"""The shipped grid: every slider step is there, and its figures are those of an audit made anew."""

import numpy as np
import pytest

from labkit import audit, compress, data, live, models, runs
from labkit.audit import data_id, model_sha
from labkit.live.grid import SHIPPED, pack, unpack
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


def test_packing_keeps_every_prediction_and_nearly_every_probability():
    generator = np.random.default_rng(0)
    for classes in (2, 3, 10, 100):
        logits = generator.normal(size=(500, classes)).astype(np.float32) * generator.choice([0.01, 1, 10], (500, 1))
        back = unpack(*pack(logits), classes)
        np.testing.assert_array_equal(back.argmax(1), logits.argmax(1))
        probability = np.exp(logits.max(1) - np.logaddexp.reduce(logits, 1))
        kept = np.exp(back.max(1) - np.logaddexp.reduce(back, 1))
        floor = (255 // classes + 1) / 255
        np.testing.assert_allclose(kept, np.maximum(probability, floor), atol=0.5 / 255 + 1e-5)
    with pytest.raises(ValueError, match="256"):
        pack(np.zeros((2, 300)))


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
