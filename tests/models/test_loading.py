"""timm models, checkpoints, and the errors of loading."""

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from labkit import models
from labkit.models import Normalize, load_weights
from labkit.models.card import WEIGHTS

OWN = WEIGHTS / "mlp_mnist.safetensors"


def test_timm_model_starts_with_its_normalisation():
    torch.manual_seed(0)
    model = models.load("timm:resnet18", num_classes=7)
    x = torch.rand(2, 3, 32, 32)
    config = timm.get_pretrained_cfg("resnet18")
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (config.mean, config.std))
    torch.testing.assert_close(model(x), model.model((x - mean) / std))
    assert model(x).shape == (2, 7)
    assert "random weights" in model.loaded_from


def test_timm_model_with_given_weights(tmp_path):
    source = timm.create_model("resnet18", num_classes=3)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save({"state_dict": source.state_dict(), "epoch": 3}, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        model = models.load("timm:resnet18", num_classes=3, weights=tmp_path / name)
        assert torch.equal(model.model.fc.weight, source.fc.weight)
        assert name in model.loaded_from


def test_greyscale_input_averages_the_normalisation():
    model = models.load("timm:resnet18", in_chans=1)
    assert model(torch.rand(1, 1, 32, 32)).shape == (1, 1000)
    assert float(model.normalize.mean[0]) == pytest.approx((0.485 + 0.456 + 0.406) / 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [("vit_fashon", "did you mean 'vit_fashion'"), ("timm:resnet19", "did you mean resnet"), ("", "known: lenet_mnist")],
)
def test_unknown_names_suggest_similar_ones(name, words):
    with pytest.raises(ValueError, match=words):
        models.load(name)


def test_nothing_is_downloaded():
    with pytest.raises(ValueError, match="would download"):
        models.load("timm:resnet18", pretrained=True)


def damaged(tmp_path, change):
    path = tmp_path / "w.safetensors"
    state = load_file(OWN)
    change(state)
    save_file(state, path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.__setitem__("fc2.weight", torch.zeros(100, 299)), r"'fc2.weight' has shape \[100, 299\].*\[100, 300\]"),
        (lambda s: s["fc2.weight"].__setitem__((3, 4), float("inf")), "'fc2.weight' holds NaN or infinite"),
        (lambda s: s.pop("fc2.bias"), "lacks 'fc2.bias'"),
        (lambda s: s.__setitem__("fc9.bias", torch.zeros(1)), "has 'fc9.bias' that the model does not have"),
    ],
)
def test_unsuitable_weights_raise_and_leave_the_model_unchanged(tmp_path, change, words):
    model = models.load("mlp_mnist")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=words) as caught:
        load_weights(model, damaged(tmp_path, change))
    assert "w.safetensors" in str(caught.value)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize("keep", [0, 5, 200, -100])
def test_truncated_weights_raise(tmp_path, keep):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(OWN.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"cut\.safetensors is truncated or damaged"):
        models.load("mlp_mnist", weights=path)


def test_pickled_code_is_not_executed(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match="holds more than tensors"):
        models.load("mlp_mnist", weights=tmp_path / "whole.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds no state dict"):
        models.load("mlp_mnist", weights=tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"none\.pt does not exist"):
        models.load("mlp_mnist", weights=tmp_path / "none.pt")


def test_normalize_follows_its_formula_and_validates_arguments():
    x = torch.rand(5, 3)
    torch.testing.assert_close(Normalize([1, 2, 3], [2, 4, 8])(x), (x - torch.tensor([1, 2, 3])) / torch.tensor([2, 4, 8]))
    for mean, std in (([0.0], [0.0]), ([0.0, 1.0], [1.0])):
        with pytest.raises(ValueError, match="same length and positive"):
            Normalize(mean, std)


def test_wrong_image_shape_raises_with_one_sentence():
    from labkit.cost import cost

    with pytest.raises(ValueError, match=r"does not take this example \(float32 \[1, 3, 28, 28\]\)"):
        cost(models.load("lenet_mnist"), torch.zeros(1, 3, 28, 28), seconds=0)
