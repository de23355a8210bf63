"""What low_rank and fips keep is never above the budget; what stays dense counts in full and is said."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit import compress
from labkit.compress.methods.low_rank import ranks_for
from labkit.cost import count_parameters
from labkit.layers import LowRankConv1d, LowRankConv2d, LowRankLinear, SharedBasisLinear, notes_of

SIDES = st.integers(1, 40)


def layers_of(shapes):
    """Linear layers and convolutions [N, D] with D a multiple of 1, 3 or 9."""
    made = []
    for place, (n, d) in enumerate(shapes):
        kinds = (nn.Linear(d, n, bias=False), nn.Conv1d(d, n, 3, bias=False), nn.Conv2d(d, n, 3, bias=False))
        made.append(kinds[place % 3])
    return nn.ModuleList(made)


@given(shapes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=6), percent=st.integers(3, 99))
@settings(max_examples=60, deadline=None)
def test_all_layers_together_keep_at_most_the_budget(shapes, percent):
    net = layers_of(shapes)
    flat = [tuple(layer.weight.flatten(1).shape) for layer in net]
    total = count_parameters(net)
    least = sum(min(n + d, n * d) for n, d in flat)
    if 100 * least > percent * total:
        with pytest.raises(ValueError, match=r"^budget .* is below what rank 1 in every layer needs; "):
            compress.low_rank(net, budget=percent / 100)
        return
    small = compress.low_rank(net, budget=percent / 100)
    kept = count_parameters(small)
    assert 100 * kept <= percent * total
    # one rank more wherever one is missing would be too much: nothing is left over beyond the step of each layer
    assert 100 * (kept + sum(n + d for n, d in flat)) > percent * total or kept == total
    for old, new, (n, d) in zip(net, small, flat, strict=True):
        assert count_parameters(new) <= n * d  # never larger than it was
        assert type(new) is type(old) or count_parameters(new) == new.rank * (n + d) < n * d


@given(
    d=st.integers(2, 24),
    wider=st.integers(1, 40),
    blocks=st.integers(1, 5),
    percent=st.integers(5, 95),
    sparsity=st.sampled_from([0.0, 0.5, 0.75]),
    storage=st.sampled_from(["bitmask", "fixed_fan_in"]),
)
@settings(max_examples=40, deadline=None)
def test_fips_keeps_at_most_the_budget(d, wider, blocks, percent, sparsity, storage):
    p = d + wider
    net = nn.Sequential(*(nn.Sequential(nn.Linear(d, p, False), nn.GELU(), nn.Linear(p, d, False)) for _ in range(blocks)))
    try:
        small = compress.fips(net, budget=percent / 100, sparsity=sparsity, storage=storage)
    except ValueError as error:
        assert "below what rank 1 takes; give at least" in str(error)  # noqa: PT017
        return
    kept, total = count_parameters(small), count_parameters(net)
    assert 100 * kept <= percent * total
    assert kept <= small.fips["parameters"]


@pytest.mark.parametrize("masks", ["gmp", "rigl", "static"])
def test_a_fit_keeps_the_budget_group_by_group(masks):
    """Three groups of odd sizes, whose nonzeros are rounded down one by one."""
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Sequential(nn.Linear(7, p), nn.GELU(), nn.Linear(p, 7)) for p in (11, 13, 19)))
    small = compress.fips(net, budget=0.5, sparsity=0.7, groups=1, calibration=torch.randn(64, 7), steps=12, masks=masks)
    biases = sum(parameter.numel() for name, parameter in net.named_parameters() if name.endswith("bias"))
    assert count_parameters(small) - biases <= small.fips["parameters"] <= 0.5 * (count_parameters(net) - biases)


def test_a_layer_too_thin_for_factors_stays_dense_and_counts_in_full():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64, False), nn.ReLU(), nn.Linear(64, 1, False))
    ranks = ranks_for({"0": net[0], "2": net[2]}, 0.25)
    assert ranks["0"] == (0.25 * (64 * 64 + 64) - 64) // 128  # what the dense one leaves
    small = compress.low_rank(net, budget=0.25)
    assert torch.equal(small[2].weight, net[2].weight)
    assert isinstance(small[0], LowRankLinear)
    assert any("layer 2 stays dense: factors" in note for note in notes_of(small))


def test_grouped_convolutions_stay_dense_and_are_said_to():
    net = nn.Sequential(nn.Conv2d(16, 32, 3), nn.Conv2d(32, 32, 3, groups=32), nn.Conv1d(8, 8, 3, groups=2), nn.Linear(16, 16))
    small = compress.low_rank(net, budget=0.3)
    assert [type(layer) for layer in small] == [LowRankConv2d, nn.Conv2d, nn.Conv1d, LowRankLinear]
    assert "2 layers stay dense (1, 2): a grouped convolution has no single low-rank form" in notes_of(small)
    with pytest.raises(ValueError, match=r"^a grouped convolution has no single low-rank form, and no other layer"):
        compress.low_rank(nn.Sequential(nn.Conv2d(8, 8, 3, groups=8)), budget=0.3)


def test_convolutions_of_one_axis_are_factored():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(8, 32, 5, stride=2, padding=2, dilation=1), nn.ReLU(), nn.Conv1d(32, 8, 3, padding="same"))
    x = torch.randn(2, 8, 30)
    small = compress.low_rank(net, budget=0.9)
    assert [type(layer) for layer in small] == [LowRankConv1d, nn.ReLU, LowRankConv1d]
    assert small(x).shape == net(x).shape
    dense = nn.Sequential(small[0].to_dense(), nn.ReLU(), small[2].to_dense())
    torch.testing.assert_close(small(x), dense(x), rtol=1e-4, atol=1e-5)


def test_inputs_too_wide_for_their_moments_are_said_to_be(monkeypatch):
    monkeypatch.setattr("labkit.compress.methods.low_rank.ROOM", 8 * 40**2)
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 48)), torch.randn(64, 48)
    aware, blind = compress.low_rank(net, budget=0.3, calibration=x), compress.low_rank(net, budget=0.3)
    assert "the factors of 0 disregard the calibration inputs, whose moments take too much memory" in notes_of(aware)
    assert torch.equal(aware[0].up, blind[0].up)
    assert not torch.equal(aware[2].up, blind[2].up)
    assert isinstance(aware[0], LowRankLinear)
    assert not any(isinstance(layer, SharedBasisLinear) for layer in aware)
