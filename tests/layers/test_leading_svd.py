"""The randomised leading part of a decomposition against the exact one."""

import pytest
import torch

from labkit.layers import truncated_svd
from labkit.layers.svd import LARGE, leading_svd, svd


def matrix(kind, n, d):
    generator = torch.Generator().manual_seed(0)
    plain = torch.randn(n, d, generator=generator)
    if kind == "flat":  # random numbers, the worst case: no direction stands out
        return plain
    m = min(n, d)
    left, right = (torch.linalg.qr(torch.randn(side, m, generator=generator)).Q for side in (n, d))
    return left / torch.arange(1, m + 1) @ right.t()


@pytest.mark.parametrize(
    ("kind", "n", "d", "rank"), [("flat", 1024, 1100, 256), ("flat", 1100, 1024, 20), ("decaying", 1024, 1024, 100)]
)
def test_the_error_is_within_a_hundredth_of_the_least(kind, n, d, rank):
    weight = matrix(kind, n, d)
    up, down = truncated_svd(weight, rank)
    least = torch.linalg.svdvals(weight)[rank:].norm()
    assert (weight - up @ down).norm() <= 1.01 * least
    assert up.shape == (n, rank)
    assert down.shape == (rank, d)


def test_it_is_deterministic_and_draws_no_random_number_of_the_caller():
    weight, state = matrix("flat", LARGE, LARGE), torch.get_rng_state()
    first = leading_svd(weight, 30)
    torch.rand(5)
    torch.set_rng_state(state)
    again = leading_svd(weight, 30)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_a_matrix_of_lower_rank_and_of_any_size_comes_back(scale):
    weight = scale * (torch.randn(LARGE, 5) @ torch.randn(5, LARGE))
    up, down = truncated_svd(weight, 9)
    torch.testing.assert_close((up @ down) / scale, weight / scale, rtol=1e-4, atol=1e-4)


def test_zeros_stay_zeros():
    up, down = truncated_svd(torch.zeros(LARGE, LARGE), 3)
    assert not (up @ down).any()


def test_small_matrices_and_high_ranks_are_exact():
    small = matrix("flat", 40, 60)
    for found, exact in zip(leading_svd(small, 7), (svd(small)[0][:, :7], svd(small)[1][:7], svd(small)[2][:7]), strict=True):
        assert torch.equal(found, exact)
