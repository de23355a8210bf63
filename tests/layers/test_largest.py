"""Exactly as many of the largest entries as asked for, also where many are equal: a stable sort takes the same."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit.layers import BitmaskConv, BitmaskLinear, FixedFanInConv2d, FixedFanInLinear
from labkit.layers.largest import largest_columns, largest_mask

few = st.sampled_from([0.0, -0.5, 0.5, 1.0, -1.0])  # so that most entries tie


@given(values=st.lists(few, min_size=1, max_size=60), data=st.data())
@settings(deadline=None)
def test_the_mask_is_that_of_a_stable_sort(values, data):
    count = data.draw(st.integers(0, len(values)))
    found = largest_mask(torch.tensor(values).abs(), count)
    wanted = np.zeros(len(values), bool)
    wanted[np.argsort(-np.abs(values), kind="stable")[:count]] = True
    assert np.array_equal(found.numpy(), wanted)


@given(rows=st.integers(0, 5), width=st.integers(1, 20), data=st.data())
@settings(deadline=None)
def test_the_columns_are_those_of_a_stable_sort(rows, width, data):
    values = np.array(data.draw(st.lists(few, min_size=rows * width, max_size=rows * width))).reshape(rows, width)
    count = data.draw(st.integers(1, width))
    wanted = np.sort(np.argsort(-np.abs(values), axis=1, kind="stable")[:, :count], axis=1)
    assert np.array_equal(largest_columns(torch.tensor(values).abs(), count).numpy(), wanted)


@given(sparsity=st.sampled_from([0.25, 0.5, 0.8, 0.95]), half=st.booleans())
@settings(deadline=None)
def test_layers_of_equal_weights_keep_the_first(sparsity, half):
    linear, conv = nn.Linear(40, 6), nn.Conv2d(4, 6, 3, groups=2)
    for layer in (linear, conv):
        layer.weight.data.fill_(-0.5)
        if half:
            layer.bfloat16()
    for dense, kind in ((linear, BitmaskLinear), (conv, BitmaskConv)):
        kept = (kind.from_dense(dense, sparsity=sparsity).dense() != 0).flatten()
        count = round(kept.numel() * (1 - sparsity))
        assert kept[:count].all()
        assert not kept[count:].any()
    for dense, kind in ((linear, FixedFanInLinear), (conv, FixedFanInConv2d)):
        width = dense.weight[0].numel()
        made = kind.from_dense(dense, fan_in=round(width * (1 - sparsity)))
        assert torch.equal(made.index.long(), torch.arange(made.fan_in).expand(6, -1))
