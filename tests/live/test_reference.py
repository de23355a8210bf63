"""What ships about the live networks is what those networks say when they are run."""

import numpy as np
import polars
import pytest

from labkit import data, models
from labkit.audit import data_id, model_sha
from labkit.live.grid import unpack
from labkit.live.reference import known_reference, known_sha, save_reference
from labkit.training import predict

LIVE = ["resnet_fashion", "vit_fashion"]


@pytest.fixture(scope="module")
def split():
    return data.load("fashion_mnist").test


def probabilities(logits):
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


@pytest.mark.parametrize("name", LIVE)
def test_the_fingerprint_is_that_of_the_loaded_network(name):
    assert known_sha(name) == model_sha(models.load(name))


@pytest.mark.parametrize("name", ["mlp_mnist", "lenet_mnist", "mlp_adult", "timm:resnet18", "nobody", ""])
def test_other_networks_have_no_fingerprint(name):
    assert known_sha(name) is None


@pytest.mark.parametrize("name", LIVE)
def test_accuracy_is_that_of_the_card(name, split):
    logits = known_reference(known_sha(name), data_id(split), 10)
    assert logits.shape == (10_000, 10)
    assert (logits.argmax(axis=1) == split.labels).sum() == models.cards()[name].test_correct


@pytest.mark.parametrize("name", LIVE)
def test_predictions_are_those_of_the_network(name, split):
    stored = known_reference(known_sha(name), data_id(split), 10)[:500]
    run = predict(models.load(name), split.subset(slice(0, 500)))
    assert (stored.argmax(axis=1) != run.argmax(axis=1)).sum() <= 1
    sure = probabilities(run).max(axis=1)
    np.testing.assert_allclose(probabilities(stored).max(axis=1), np.maximum(sure, 26 / 255), atol=0.5 / 255 + 1e-4)


@pytest.mark.parametrize("name", LIVE)
def test_rows_add_up_to_one(name, split):
    logits = known_reference(known_sha(name), data_id(split), 10)
    np.testing.assert_allclose(probabilities(logits).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-4)  # they are log-probabilities already


def test_an_unknown_network_or_split_has_none(split):
    known = known_sha("vit_fashion")
    assert known_reference("0" * 16, data_id(split), 10) is None
    assert known_reference(known, data_id(split.subset(slice(0, 10))), 10) is None


def test_what_is_saved_comes_back(tmp_path):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(300, 10)).astype(np.float32) * 4
    path = save_reference("mlp_mnist", "a" * 16, "b" * 16, logits, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"reference-{'a' * 16}-{'b' * 16}.parquet"] == [path.name]
    row = polars.read_parquet(path).row(0, named=True)
    assert (row["model"], row["weights"]) == ("mlp_mnist", models.cards()["mlp_mnist"].sha256)
    assert list(row["predicted"]) == logits.argmax(axis=1).tolist()
    back = unpack(row["predicted"], row["confidence"], 10)
    np.testing.assert_array_equal(back.argmax(axis=1), logits.argmax(axis=1))
    sure = np.maximum(probabilities(logits).max(axis=1), 26 / 255)
    np.testing.assert_allclose(probabilities(back).max(axis=1), sure, atol=0.5 / 255 + 1e-5)
