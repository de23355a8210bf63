"""What other tools put into the loop: scaled losses, bfloat16, moving averages of weights, several groups of parameters."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from labkit import sparsify


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(36, 40), nn.ReLU(), nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 3))


def batch(step):
    g = torch.Generator().manual_seed(step)
    x = torch.randn(16, 36, generator=g)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def train(steps, *, storage="masked", scaler=None, bfloat16=False, average=None):
    model = network()
    sparsifier = sparsify.srigl(
        model, sparsity=0.75, total_steps=80, update_every=5, distribution="uniform", storage=storage, gamma_sal=0.6
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    sparsifier.attach(optimizer)
    averaged = None if average is None else average(model)
    for step in range(steps):
        x, y = batch(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        sparsifier.step()
        if averaged is not None:
            averaged.update_parameters(model)
    return model, sparsifier, averaged


@pytest.mark.parametrize("storage", ["masked", "condensed"])
def test_a_scaled_loss_is_the_same_training(storage):
    """A power of two changes no digit, so that masks and weights must agree bit for bit."""
    plain, plain_sparsifier, _ = train(40, storage=storage)
    scaled, scaled_sparsifier, _ = train(40, storage=storage, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**12))
    for name, mask in plain_sparsifier.masks.items():
        assert torch.equal(mask, scaled_sparsifier.masks[name])
    for a, b in zip(plain.parameters(), scaled.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)  # AdamW's epsilon is not scaled


def test_a_step_that_overflows_spoils_no_connections():
    """The scaler skips such a step; an update at that step counts its gradients as zero."""
    model, sparsifier, _ = train(40, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1))
    for name, mask in sparsifier.masks.items():
        weight = dict(model.named_parameters())[name]
        assert torch.isfinite(weight).all()
        counts = mask.sum(1)
        assert counts[counts > 0].unique().numel() == 1


def test_bfloat16_keeps_the_invariants():
    model, sparsifier, _ = train(40, bfloat16=True)
    for name, mask in sparsifier.masks.items():
        weight = dict(model.named_parameters())[name]
        assert weight.dtype == torch.float32
        assert not weight[~mask].any()
        counts = mask.sum(1)
        assert counts[counts > 0].unique().numel() == 1


def test_a_moving_average_forgets_the_connections_that_are_gone():
    _, sparsifier, averaged = train(40, average=lambda model: AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)))
    weights = dict(averaged.module.named_parameters())
    before = {name: weights[name].detach().clone() for name in sparsifier.masks}
    assert any(before[name][~mask].any() for name, mask in sparsifier.masks.items())  # it still holds old connections
    sparsifier.apply_to(averaged)
    for name, mask in sparsifier.masks.items():
        assert torch.equal(weights[name], before[name] * mask)
    with pytest.raises(ValueError, match=r"the copy has no weight 0.weight of shape \(40, 36\)"):
        sparsifier.apply_to(nn.Sequential(nn.Linear(36, 41)))


def test_groups_of_parameters_keep_their_settings():
    model = network()
    sparsifier = sparsify.srigl(
        model, sparsity=0.75, total_steps=80, update_every=5, distribution="uniform", storage="condensed", gamma_sal=0.6
    )
    groups = [{"params": [model[0].weight], "lr": 0.0}, {"params": [model[2].weight, model[4].weight]}]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    sparsifier.attach(optimizer)
    first = model[0].to_dense().weight.detach().clone()
    for step in range(4):  # before the first update
        x, y = batch(step)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        sparsifier.step()
    assert torch.equal(model[0].to_dense().weight, first)
    moved = copy.deepcopy(model[2].weight.detach())
    for step in range(4, 40):
        x, y = batch(step)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        sparsifier.step()
    assert optimizer.param_groups[0]["params"][0] is model[0].weight  # also where the layer has another parameter by now
    assert optimizer.param_groups[0]["lr"] == 0.0
    assert moved.shape != model[2].weight.shape or not torch.equal(moved, model[2].weight)
