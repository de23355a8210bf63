"""Truncated factors against NumPy's singular values and torch's dense layers."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit.layers import LowRankConv2d, LowRankLinear, truncated_svd

CONVOLUTIONS = [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": "same", "bias": False}, {"kernel_size": (1, 3)}]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(12, 7), (7, 12), (1, 5)])
def test_full_rank_is_the_dense_layer(shape, bias):
    dense, x = nn.Linear(*shape, bias), torch.randn(4, shape[0])
    layer = LowRankLinear.from_dense(dense, rank=min(shape))
    torch.testing.assert_close(layer(x), dense(x), rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(layer.to_dense()(x), dense(x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_full_rank_is_the_dense_convolution(options):
    dense, x = nn.Conv2d(4, 8, **{"kernel_size": 3, **options}), torch.randn(2, 4, 9, 7)
    layer = LowRankConv2d.from_dense(dense, rank=8)
    torch.testing.assert_close(layer(x), dense(x), rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(layer.to_dense()(x), dense(x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_error_is_the_tail_of_the_singular_values(rank):
    # Eckart and Young: no matrix of this rank is nearer in the Frobenius norm
    linear, kernel = nn.Linear(9, 7).double(), nn.Conv2d(3, 7, 3).double()
    for dense, kind in ((linear, LowRankLinear), (kernel, LowRankConv2d)):
        matrix = dense.weight.detach().flatten(1).numpy()
        tail = np.linalg.svd(matrix, compute_uv=False)[rank:]
        near = kind.from_dense(dense, rank=rank).to_dense().weight.detach().flatten(1).numpy()
        assert np.linalg.norm(matrix - near) == pytest.approx(np.linalg.norm(tail), rel=1e-9)
        assert np.linalg.matrix_rank(near) == rank


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_factorised_convolution_equals_its_dense_form(options):
    layer = LowRankConv2d.from_dense(nn.Conv2d(4, 8, **{"kernel_size": 3, **options}), rank=2)
    x = torch.randn(2, 4, 9, 7)
    torch.testing.assert_close(layer(x), layer.to_dense()(x), rtol=1e-5, atol=2e-6)


def test_gradients_against_finite_differences():
    layer = LowRankLinear.from_dense(nn.Linear(5, 4).double(), rank=2)
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def forward(up, down, bias, x):
        return torch.func.functional_call(layer, {"up": up, "down": down, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(forward, [layer.up, layer.down, layer.bias, x])


@pytest.mark.parametrize("rank", [0, -1, 5])
def test_invalid_ranks_raise(rank):
    with pytest.raises(ValueError, match=rf"between 1 and 4 for a weight \[4, 6\], got {rank}"):
        truncated_svd(torch.zeros(4, 6), rank)


def test_convolutions_that_cannot_be_factorised_raise():
    with pytest.raises(ValueError, match="groups=2"):
        LowRankConv2d.from_dense(nn.Conv2d(4, 4, 3, groups=2), rank=1)


def test_a_changed_weight_is_decomposed_again():
    weight = torch.randn(6, 4, dtype=torch.float64)
    for _ in range(2):
        up, down = truncated_svd(weight, 4)
        torch.testing.assert_close(up @ down, weight)
        with torch.no_grad():
            weight.mul_(2).add_(1)


def test_cached_factors_respect_the_memory_limit(monkeypatch):
    from labkit.layers import svd

    monkeypatch.setattr(svd, "LIMIT", 50_000)
    for seed in range(12):
        svd.svd(torch.randn(64, 32, generator=torch.Generator().manual_seed(seed)))
    assert 0 < sum(part.nbytes for factors in svd._cache.values() for part in factors) <= 50_000
