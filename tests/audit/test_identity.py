"""Fingerprints: equal for equal content, different for any difference."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from labkit.audit import data_id, model_sha
from labkit.data import Split


@pytest.fixture
def split():
    return Split(
        labels=np.array([0, 1, 1]),
        classes=("no", "yes"),
        x=np.arange(6, dtype=np.float32).reshape(3, 2),
        groups=pd.DataFrame({"sex": ["f", "m", "m"]}),
        features=("age", "hours"),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.array([0, 1, 0])},
        {"classes": ("no", "sey")},
        {"classes": ("n", "oyes")},
        {"x": np.arange(6, dtype=np.float32).reshape(3, 2) + 1e-6},
        {"x": np.arange(6, dtype=np.float32).reshape(2, 3)},
        {"groups": pd.DataFrame({"sex": ["f", "m", "f"]})},
        {"groups": pd.DataFrame({"race": ["f", "m", "m"]})},
        {"groups": None},
        {"features": ("age", "pay")},
    ],
)
def test_a_split_is_known_by_its_content(split, change):
    assert data_id(replace(split, **change)) != data_id(split)


def test_copies_of_a_split_are_the_same(split):
    strided = np.asfortranarray(split.x)
    assert data_id(copy.deepcopy(split)) == data_id(replace(split, x=strided, notes=("remark",))) == data_id(split)
    assert len(data_id(split)) == 16
    assert int(data_id(split), 16) >= 0


def test_texts_are_told_apart():
    ids = {data_id(Split(np.array([0, 0]), ("a",), texts=texts)) for texts in (["ab", "c"], ["a", "bc"], ["abc", ""])}
    assert len(ids) == 3


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def test_a_model_is_known_by_its_weights():
    model = network()
    assert model_sha(copy.deepcopy(model)) == model_sha(model.eval()) == model_sha(network())
    for name, tensor in network().state_dict().items():
        other = network()
        with torch.no_grad():
            other.state_dict()[name].reshape(-1)[0].add_(1)
        assert model_sha(other) != model_sha(model), tensor
    assert model_sha(network().to(torch.bfloat16)) != model_sha(model)


def test_names_dtypes_and_shapes_count():
    holders = [nn.Module() for _ in range(4)]
    holders[0].register_buffer("a", torch.zeros(4))
    holders[1].register_buffer("b", torch.zeros(4))
    holders[2].register_buffer("a", torch.zeros(4, dtype=torch.int32))
    holders[3].register_buffer("a", torch.zeros(2, 2))
    assert len({model_sha(holder) for holder in holders}) == 4


def test_a_transposed_weight_is_the_matrix_it_shows():
    model, other = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    other.weight = nn.Parameter(model.weight.detach().t().contiguous().t())
    assert not other.weight.is_contiguous()
    assert model_sha(other) == model_sha(model)


def test_quantized_weights_are_taken_apart():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    def quantized(seed):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 32))
        quantize_(model, Int8WeightOnlyConfig())
        return model

    assert model_sha(quantized(0)) == model_sha(quantized(0))
    assert model_sha(quantized(0)) != model_sha(quantized(1))
    other = quantized(0)
    weight = other[0].weight
    parts = {name: getattr(weight, name) for name in weight.__tensor_flatten__()[0]}
    with torch.no_grad():
        next(part for part in parts.values() if part.is_floating_point()).mul_(2)  # the scale alone
    assert model_sha(other) != model_sha(quantized(0))
