"""The shipped weights agree with their cards, and the cards with the documentation."""

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from labkit import data, models
from labkit.cost import count_parameters
from labkit.files import sha256
from labkit.models.card import WEIGHTS
from labkit.training import predict

PROMISED = {"mlp_mnist": 0.982, "lenet_mnist": 0.990, "resnet_fashion": 0.93, "vit_fashion": 0.91, "mlp_adult": 0.845}


@pytest.mark.parametrize("name", list(PROMISED))
def test_accuracy_is_reproduced(name):
    card, model = models.cards()[name], models.load(name)
    split = data.load(card.data).test
    correct = int((predict(model, split).argmax(1) == split.labels).sum())
    # another CPU may round a tie differently
    assert abs(correct - card.test_correct) <= 3
    assert card.test_accuracy == card.test_correct / len(split) >= PROMISED[name]
    assert card.parameters == count_parameters(model)
    assert not model.training


@pytest.mark.parametrize("name", list(PROMISED))
def test_files_are_small_and_match_their_card(name):
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size < 10_000_000
    assert sha256(path) == models.cards()[name].sha256


def test_mlp_mnist_is_lenet_300_100():
    assert count_parameters(models.load("mlp_mnist")) == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10


def test_vit_fashion_is_the_documented_timm_transformer():
    model = models.load("vit_fashion")
    assert isinstance(model, VisionTransformer)
    assert len(model.blocks) >= 8
    assert model.embed_dim >= 128
    assert 16 <= model.pos_embed.shape[1] <= 26


@pytest.mark.parametrize("name", ["lenet_mnist", "resnet_fashion", "vit_fashion"])
def test_normalisation_is_the_first_layer(name):
    # inputs are pixels in [0, 1], so Normalize is the first module to run
    order = []
    model = models.load(name)
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, *_: order.append(type(m).__name__))
    model(torch.rand(1, 1, 28, 28))
    assert order[0] == "Normalize"


def test_loading_does_not_change_the_random_state():
    before = torch.get_rng_state()
    models.load("mlp_mnist")
    assert torch.equal(torch.get_rng_state(), before)


def test_table_has_wilson_intervals():
    from statsmodels.stats.proportion import proportion_confint

    table = models.table()
    assert set(table.index) == set(PROMISED)
    for name, card in models.cards().items():
        low, high = proportion_confint(card.test_correct, card.test_examples, method="wilson")
        np.testing.assert_allclose(table.loc[name, ["low", "high"]].astype(float), [low, high], rtol=1e-9)


def test_training_is_reproducible(tmp_path):
    recipe = models.get_recipe("mlp_adult")
    first, card = models.train(recipe, folder=tmp_path / "a", epochs=1, progress=False)
    second, again = models.train(recipe, folder=tmp_path / "b", epochs=1, progress=False)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert card.test_correct == again.test_correct
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["mlp_adult.json", "mlp_adult.safetensors"]
    other, _ = models.train(recipe, folder=tmp_path / "c", epochs=1, seed=5, progress=False)
    assert not torch.equal(other.fc1.weight, first.fc1.weight)
    loaded = models.load("mlp_adult", weights=tmp_path / "a" / "mlp_adult.safetensors")
    assert torch.equal(loaded.fc1.weight, first.fc1.weight)
