"""A model is opened with its data; a timm model is built for the classes and channels of the data."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from labkit import models
from labkit.audit import model_sha
from labkit.training import predict

SMALL = "timm:test_resnet"  # timm's own test network: some 0.5 million weights


@pytest.fixture
def colour_folder(tmp_path):
    """3 classes x 5 coloured 32x32 images."""
    for label, name in enumerate(("ant", "bee", "cat")):
        (tmp_path / "colour" / name).mkdir(parents=True)
        for i in range(5):
            pixels = np.full((32, 32, 3), (80 * label, 10 * i, 200), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "colour" / name / f"{i}.png")
    return str(tmp_path / "colour")


@pytest.mark.parametrize("name", ["mlp_adult", "mlp_mnist"])
def test_a_reference_model_comes_with_its_training_data(name):
    network, dataset = models.open_model(name)
    card = models.cards()[name]
    assert dataset.name == card.data
    assert model_sha(network) == model_sha(models.load(name))
    correct = (predict(network, dataset.test).argmax(axis=1) == dataset.test.labels).sum()
    assert abs(int(correct) - card.test_correct) <= 3  # another processor may round a tie differently


def test_given_data_replace_the_training_data():
    _, dataset = models.open_model("mlp_mnist", data="fashion_mnist")
    assert dataset.name == "fashion_mnist"


def test_a_reference_model_takes_a_csv_file(tmp_path):
    rows = [f"{i},{i % 3},{'fm'[i % 2]},{'yes' if i % 4 else 'no'}" for i in range(40)]
    (tmp_path / "people.csv").write_text("\n".join(["a,b,sex,y", *rows]))
    _, dataset = models.open_model("mlp_adult", data=str(tmp_path / "people.csv"), target="y", groups=["sex"])
    assert dataset.classes == ("no", "yes")
    assert list(dataset.test.groups.columns) == ["sex"]


def test_a_timm_model_without_data_raises():
    with pytest.raises(ValueError, match=r"^timm:test_resnet needs data \(--data\): a data set's name, a folder .* or a CSV file"):
        models.open_model(SMALL)


def test_a_timm_model_gets_one_channel_for_grey_images(image_folder):
    network, dataset = models.open_model(SMALL, data=str(image_folder), size=32)
    assert dataset.test.images.shape == (4, 1, 32, 32)
    outputs = network(dataset.test.inputs())
    assert outputs.shape == (4, 2)
    assert torch.isfinite(outputs).all()
    assert not network.training


def test_a_timm_model_gets_three_channels_for_coloured_images(colour_folder):
    network, dataset = models.open_model(SMALL, data=colour_folder)
    assert network(dataset.train.inputs()).shape == (len(dataset.train), 3)
    mean = timm.get_pretrained_cfg("test_resnet").mean
    assert network.normalize.mean.flatten().tolist() == pytest.approx(mean)


def test_a_timm_model_is_built_for_a_bundled_data_set():
    network, dataset = models.open_model(SMALL, data="mnist")
    assert network(dataset.test.inputs(slice(0, 2))).shape == (2, 10)


def test_given_weights_are_loaded_into_the_timm_model(tmp_path, colour_folder):
    source = timm.create_model("test_resnet", num_classes=3)
    save_file(source.state_dict(), tmp_path / "mine.safetensors")
    network, _ = models.open_model(SMALL, data=colour_folder, weights=tmp_path / "mine.safetensors")
    own = network.model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in source.state_dict().items())
    with pytest.raises(ValueError, match=r"mine\.safetensors: .* has shape"):
        models.open_model(SMALL, data="mnist", weights=tmp_path / "mine.safetensors")


def test_a_timm_model_rejects_tables():
    with pytest.raises(ValueError, match="timm models take images; adult holds none"):
        models.open_model(SMALL, data="adult")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("vit_fashon", {}, "did you mean 'vit_fashion'"),
        ("vit_fashon", {"data": "mnist"}, "did you mean 'vit_fashion'"),
        ("timm:test_resnt", {"data": "mnist"}, "did you mean test_resnet"),
        ("mlp_mnist", {"data": "mnst"}, "did you mean 'mnist'"),
        ("mlp_mnist", {"groups": ["sex"]}, "groups are columns of a CSV file"),
        ("mlp_mnist", {"target": "digit"}, "mnist does not exist; give the path of a CSV file"),
        ("mlp_mnist", {"size": 14}, "size applies only to a folder of images"),
        ("mlp_mnist", {"weights": "none.safetensors"}, r"none\.safetensors does not exist"),
    ],
)
def test_invalid_arguments_raise_with_one_sentence(name, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        models.open_model(name, **options)
    assert "\n" not in str(caught.value)
