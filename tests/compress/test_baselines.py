"""What shared bases are compared with: whitened low rank and magnitude pruning."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit import compress
from labkit.cost import bytes_by_kind
from labkit.layers import BitmaskLinear, LowRankLinear


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 60), nn.ReLU(), nn.Linear(60, 20)).eval()


def inputs():
    """They vary far more in some directions than in others."""
    torch.manual_seed(1)
    return torch.randn(400, 20) @ torch.diag(torch.logspace(0, -2, 20)) @ torch.linalg.qr(torch.randn(20, 20)).Q


def test_whitened_low_rank_is_the_least_error_of_the_outputs():
    model, x = network(), inputs()
    aware = compress.low_rank(model, budget=0.3, calibration=x)
    y, linear = model[0](x).detach(), model[0]
    assert isinstance(aware[0], LowRankLinear)
    error = float((aware[0](x).detach() - y).square().sum())
    plain = y - linear.bias
    singular = np.linalg.svd(plain.detach().numpy(), compute_uv=False)
    assert error == pytest.approx((singular[aware[0].rank :] ** 2).sum(), rel=1e-2)  # Eckart & Young, of the outputs
    blind = compress.low_rank(model, budget=0.3)
    assert error < 0.8 * float((blind[0](x).detach() - y).square().sum())


def test_the_largest_weights_stay_wherever_they_are():
    model = network()
    small = compress.magnitude(model, budget=0.2)
    weights = torch.cat([layer.weight.detach().flatten() for layer in (model[0], model[2])])
    kept = torch.cat([layer.dense().detach().flatten() for layer in (small[0], small[2])])
    assert int((kept != 0).sum()) == int(0.2 * len(weights))
    assert torch.equal(kept[kept != 0], weights[kept != 0])
    assert weights[kept != 0].abs().min() >= weights[kept == 0].abs().max()
    x = inputs()
    torch.testing.assert_close(small(x), nn.Sequential(small[0].to_dense(), nn.ReLU(), small[2].to_dense())(x))


def test_a_budget_of_bytes_counts_the_bits():
    model = network()
    small = compress.magnitude(model, budget=0.3, unit="bytes")
    held = bytes_by_kind(small)
    assert held["masks"] == 60 * 3 + 20 * 8
    weights = held["values"] - 4 * (60 + 20) + held["masks"]
    assert 0.3 * 4 * 2400 - 4 <= weights <= 0.3 * 4 * 2400
    with pytest.raises(ValueError, match=r"a budget of 0.02 is less than the size of the bitmask of positions; give at least 0.04"):
        compress.magnitude(model, budget=0.02, unit="bytes")
    with pytest.raises(ValueError, match=r"budget must lie in \(0, 1\], got 0"):
        compress.magnitude(model, budget=0)


def test_bits_of_a_width_that_eight_does_not_divide():
    torch.manual_seed(0)
    weight = torch.randn(7, 13) * (torch.rand(7, 13) < 0.4)
    layer = BitmaskLinear(weight)
    assert torch.equal(layer.dense(), weight)
    bits = np.unpackbits(layer.pattern.numpy(), axis=1, bitorder="little")[:, :13]
    assert np.array_equal(bits.astype(bool), (weight != 0).numpy())
    again = BitmaskLinear.from_spec(**layer.spec())
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again.dense(), weight)
    pruned = BitmaskLinear.from_dense(nn.Linear(13, 7), sparsity=0.5)
    assert pruned.values.numel() == round(91 * 0.5)
