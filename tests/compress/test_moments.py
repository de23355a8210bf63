"""Moments of activations against numpy in float64, for inputs on which naive sums lose everything."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit.compress.moments import Moments, input_moments


def rows(offset, count=700, width=12):
    generator = torch.Generator().manual_seed(0)
    return offset + torch.randn(count, width, generator=generator) @ torch.randn(width, width, generator=generator)


@pytest.mark.parametrize("offset", [0.0, 30.0, 1e3, 1e5])
@pytest.mark.parametrize("part", [700, 128, 1])
def test_they_are_numpys_however_far_from_zero(offset, part):
    x = rows(offset)
    found = Moments(12)
    for some in x.split(part):
        found.add(some)
    wanted = np.cov(x.double().numpy(), rowvar=False, bias=True)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.covariance, wanted, atol=1e-5 * scale)
    np.testing.assert_allclose(found.mean, x.double().mean(0), rtol=1e-12)
    second = x.double().t() @ x.double() / len(x)
    np.testing.assert_allclose(found.second, second, rtol=1e-9, atol=1e-5 * scale)
    for matrix in (found.covariance, found.second):
        assert np.linalg.eigvalsh(matrix.numpy()).min() > 0


def test_inputs_that_say_nothing_are_known_to():
    none, zero, constant, one, varied = (Moments(3) for _ in range(5))
    zero.add(torch.zeros(5, 3))
    constant.add(torch.full((5, 3), 7.3))
    one.add(torch.rand(1, 3))
    varied.add(torch.rand(5, 3))
    none.add(torch.zeros(0, 3))
    assert [m.known for m in (none, zero, constant, one, varied)] == [False, False, True, True, True]
    assert [m.varies for m in (none, zero, constant, one, varied)] == [False, False, False, False, True]


def test_overflow_is_said():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    nn.init.constant_(net[0].weight, 3e38)
    with pytest.raises(ValueError, match=r"^the inputs of 1 overflow or are NaN on the calibration inputs; "):
        _ = input_moments(net, ["1"], torch.ones(16, 4))["1"].covariance


class Keyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(input=x)


def test_a_layer_may_be_called_by_keyword():
    x = rows(2.0, width=4)
    found = input_moments(Keyword(), ["fc"], x)["fc"]
    np.testing.assert_allclose(found.mean, x.double().mean(0), rtol=1e-12)


@pytest.mark.parametrize(("conv", "shape"), [(nn.Conv2d(5, 7, 1), (20, 5, 3, 4)), (nn.Conv1d(5, 7, 1), (20, 5, 6))])
def test_of_a_convolution_of_one_place_the_channels_count(conv, shape):
    x = torch.randn(shape)
    found = input_moments(nn.Sequential(conv), ["0"], x)["0"]
    flat = x.movedim(1, -1).reshape(-1, 5)
    np.testing.assert_allclose(found.covariance, np.cov(flat.double().numpy(), rowvar=False, bias=True), atol=1e-5)


def test_the_network_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).train()
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    input_moments(net, ["0", "3"], rows(1.0, width=4))
    assert [module.training for module in net] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_pre_hooks for module in net.modules())
