"""Condensed storage against masks: the same training, in less memory."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labkit import sparsify
from labkit.layers import FixedFanInLinear

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.1),
}


def network(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 5)).to(dtype)


def batch(step, dtype=torch.float64):
    g = torch.Generator().manual_seed(step)
    x = torch.randn(24, 40, generator=g, dtype=dtype)
    return x, x[:, :5].argmax(1)


def begun(storage, rule="srigl", optimizer="adamw", before=False, **options):
    model = network()
    opt = OPTIMIZERS[optimizer](model.parameters()) if before else None
    options = {"gamma_sal": 0.8, **options} if rule == "srigl" else options
    settings = {"sparsity": 0.8, "total_steps": 200, "update_every": 10, "distribution": "uniform", "seed": 3, **options}
    sparsifier = sparsify.make_sparse(model, rule, storage=storage, **settings)
    opt = opt or OPTIMIZERS[optimizer](model.parameters())
    sparsifier.attach(opt)
    return model, opt, sparsifier


def train(model, opt, sparsifier, steps, start=0):
    losses = []
    for step in range(start, start + steps):
        opt.zero_grad()
        x, y = batch(step)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        sparsifier.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("before", [False, True], ids=["optimizer after", "optimizer before"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", ["srigl", "srigl_no_ablation"])
def test_it_trains_as_masks_do(rule, optimizer, before):
    masked, condensed = (begun(storage, rule, optimizer, before) for storage in ("masked", "condensed"))
    losses = [train(*parts, 200) for parts in (masked, condensed)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert losses[0][-1] < 0.6 * losses[0][0]
    assert [type(layer) for layer in condensed[0][::2]] == [FixedFanInLinear] * 3
    for name, mask in masked[2].masks.items():
        assert torch.equal(condensed[2].masks[name], mask)
    for one, other in zip(masked[0][::2], condensed[0][::2], strict=True):
        torch.testing.assert_close(other.to_dense().weight, one.weight, rtol=1e-8, atol=1e-10)
    ablated = masked[2].report()["active"] < masked[2].report()["outputs"]
    assert ablated.any() == (rule == "srigl")  # so that fan-in, and with it the parameters, changed during the training


def test_the_gradient_in_parts_is_the_whole_one(monkeypatch):
    from labkit.sparsify import fixed_fan_in

    whole = begun("condensed")
    train(*whole, 60)
    monkeypatch.setattr(fixed_fan_in, "PART", 700)
    parts = begun("condensed")
    train(*parts, 60)
    assert all(torch.equal(mask, parts[2].masks[name]) for name, mask in whole[2].masks.items())


def test_continued_training_is_the_uninterrupted_one():
    straight = begun("condensed")
    train(*straight, 66)
    again = begun("condensed")
    train(*again, 39)
    assert any(a.fan_in != b.fan_in for a, b in zip(again[0][::2], begun("condensed")[0][::2], strict=True))
    file = io.BytesIO()
    torch.save([part.state_dict() for part in again], file)
    file.seek(0)
    fresh = begun("condensed")
    for part, state in zip(fresh, torch.load(file), strict=True):
        part.load_state_dict(state)
    train(*fresh, 27, 39)
    for one, other in zip(straight[0].parameters(), fresh[0].parameters(), strict=True):
        assert torch.equal(one, other)
    held = {id(p) for group in fresh[1].param_groups for p in group["params"]}
    assert held == {id(p) for p in fresh[0].parameters()}
    assert all(id(p) in held for p in fresh[1].state)


def test_weights_gradients_and_moments_are_those_of_the_connections():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
    dense = sum(p.numel() for p in model.parameters())
    sparsifier = sparsify.srigl_no_ablation(
        model, sparsity=0.95, total_steps=40, update_every=5, distribution="uniform", storage="condensed"
    )
    opt = torch.optim.Adam(model.parameters())
    sparsifier.attach(opt)
    for _ in range(12):
        model(torch.randn(8, 256)).square().mean().backward()
        opt.step()
        sparsifier.step()
    kept = [*model.parameters(), *(p.grad for p in model.parameters())]
    kept += [value for state in opt.state.values() for value in state.values() if torch.is_tensor(value)]
    kept += [layer.index for layer in model[::2]]
    assert sum(tensor.nbytes for tensor in kept) <= 0.25 * 4 * 4 * dense
    assert not any(layer.passes for layer in sparsifier.layers.values())


def test_ablated_neurons_stay_constants_and_export_exactly():
    model, opt, sparsifier = begun("condensed", optimizer="sgd")
    train(model, opt, sparsifier, 60)
    layer = model[2]
    ablated = ~sparsifier.layers["2.weight"].active
    assert ablated.any()
    x = torch.randn(7, 64, dtype=torch.float64)
    with torch.no_grad():
        y = layer(x)
        assert torch.equal(y[:, ablated], layer.bias[ablated].expand(7, -1))
        torch.testing.assert_close(y, layer.to_dense()(x), rtol=0, atol=1e-5)
    other = copy.deepcopy(model)
    assert torch.equal(other[2](x), layer(x))


def test_mistakes_are_one_sentence():
    with pytest.raises(ValueError, match="storage must be 'masked' or 'condensed', got 'sparse'"):
        begun("sparse")
    with pytest.raises(ValueError, match="needs a rule with a fixed fan-in and a method change\\(\\); RigL has none"):
        begun("condensed", "rigl")
