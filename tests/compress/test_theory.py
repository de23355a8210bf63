"""Closed forms against direct computation."""

import numpy as np
import pytest
import torch

from labkit import compress
from labkit.compress.theory import (
    bytes_of_budget,
    fan_in_by_magnitude,
    joint_singular_values,
    magnitude_kept,
    ranks_of_budget,
    relative_error,
    rotated,
)

RANDOM = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(12, 20, generator=RANDOM)
MATRICES = [torch.randn(6, width, generator=RANDOM) for width in (9, 4, 30)]


@pytest.mark.parametrize("fan_in", [1, 5, 20])
def test_kept_magnitude_is_that_of_the_largest_weights(fan_in):
    size = WEIGHT.abs()
    row = magnitude_kept(WEIGHT).iloc[fan_in - 1]
    assert row.name == pytest.approx(1 - fan_in / 20)
    assert row["layer-wide"] == pytest.approx(100 * float(size.flatten().topk(12 * fan_in).values.sum() / size.sum()), rel=1e-5)
    assert row["per neuron"] == pytest.approx(100 * float(size.topk(fan_in, dim=1).values.sum() / size.sum()), rel=1e-5)
    assert row["at random"] == pytest.approx(5 * fan_in)


def test_kernels_of_convolutions_are_rows():
    kernel = torch.randn(4, 3, 2, 2, generator=RANDOM)
    assert magnitude_kept(kernel).equals(magnitude_kept(kernel.flatten(1)))


def test_counts_by_magnitude_are_those_of_the_largest_weights_of_the_layer():
    counts = fan_in_by_magnitude(WEIGHT, 4)
    mask = torch.zeros(240).index_fill_(0, WEIGHT.abs().flatten().topk(48).indices, 1).view(12, 20)
    assert counts.tolist() == sorted(mask.sum(1).int().tolist())
    for wrong in (0, 21):
        with pytest.raises(ValueError, match=f"between 1 and the 20 inputs, got {wrong}"):
            fan_in_by_magnitude(WEIGHT, wrong)


def test_joint_singular_values_are_those_of_the_matrices_side_by_side():
    np.testing.assert_allclose(joint_singular_values(MATRICES), torch.linalg.svdvals(torch.cat(MATRICES, dim=1)), rtol=1e-5)


def test_a_rotation_keeps_the_spectrum_of_each_group_but_not_that_of_all():
    common = torch.zeros(6, 1)
    common[2] = 5
    groups = [[matrix + common for matrix in MATRICES[:2]], [MATRICES[2] + common], [MATRICES[0] + common]]
    turned = rotated(groups, seed=1)
    for before, after in zip(groups, turned, strict=True):
        np.testing.assert_allclose(joint_singular_values(after), joint_singular_values(before), rtol=1e-5)
    together = [joint_singular_values([matrix for group in some for matrix in group]) for some in (groups, turned)]
    assert together[1][0] < together[0][0]
    assert (together[0] ** 2).sum() == pytest.approx((together[1] ** 2).sum(), rel=1e-5)


def test_the_error_of_several_matrices_is_that_of_their_entries():
    exact = {"a": WEIGHT, "b": MATRICES[0]}
    wrong = {"a": WEIGHT * 0.5, "b": MATRICES[0] + 1}
    lost = float((0.5 * WEIGHT).square().sum()) + MATRICES[0].numel()
    assert relative_error(exact, wrong) == pytest.approx(lost / float(WEIGHT.square().sum() + MATRICES[0].square().sum()), rel=1e-5)
    assert relative_error(exact, exact) == 0


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("kind", ["parameters", "bytes"])
def test_ranks_are_those_of_the_networks_that_fips_makes(kind, storage):
    torch.manual_seed(0)
    mlp = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 32))
    small = compress.fips(mlp, budget=0.4, budget_kind=kind, sparsity=0.5, storage=storage)
    column = "parameters" if kind == "parameters" else f"bytes, {storage}"
    assert small.fips["ranks"] == [int(ranks_of_budget(32, [64, 64], 0.4, [0.5])[column].iloc[0])]
    if kind == "parameters":
        table = compress.sharing(small)
        held = table["factor_bytes"].sum() + table.drop_duplicates("group")["base_bytes"].sum()
        share = bytes_of_budget(32, [64, 64], 0.4, [0.5])[storage].iloc[0]
        assert share == pytest.approx(100 * held / table["dense_bytes"].sum(), rel=0.02)


def test_a_budget_below_rank_one_is_a_gap():
    assert ranks_of_budget(32, [64], 0.001, [0.0, 0.5]).isna().all(axis=None)
    assert bytes_of_budget(32, [64], 0.001, [0.0]).isna().all(axis=None)
