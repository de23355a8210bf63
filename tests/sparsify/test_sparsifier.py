"""Sparse training in any PyTorch loop: what holds after every step, whatever the optimizer."""

import copy
import io

import pytest
import torch
from timm.models.mlp_mixer import MlpMixer
from torch import nn
from torch.nn import functional as F

from labkit import sparsify

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
}
RULES = ["static", "set", "rigl", "srigl", "srigl_no_ablation", "gmp"]
ROWWISE = ["srigl", "srigl_no_ablation"]


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 40), nn.ReLU(), nn.Linear(40, 3)
    )


def made(rule, model, **options):
    return sparsify.make_sparse(
        model, rule, **{"sparsity": 0.8, "total_steps": 60, "update_every": 5, "distribution": "uniform", **options}
    )


def batch(step, count=16):
    g = torch.Generator().manual_seed(step)
    x = torch.randn(count, 36, generator=g)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def train(model, optimizer, sparsifier, steps, start=0, micro=1):
    for step in range(start, start + steps):
        optimizer.zero_grad()
        x, y = batch(step)
        for part_x, part_y in zip(x.chunk(micro), y.chunk(micro), strict=True):
            (F.cross_entropy(model(part_x), part_y) / micro).backward()
        optimizer.step()
        sparsifier.step()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", RULES)
def test_after_every_step_what_is_not_connected_is_zero(rule, optimizer):
    model = network()
    sparsifier = made(rule, model)
    opt = OPTIMIZERS[optimizer](model.parameters())
    sparsifier.attach(opt)
    named = dict(model.named_parameters())
    before = {name: mask.clone() for name, mask in sparsifier.masks.items()}
    changed = False
    for step in range(60):
        train(model, opt, sparsifier, 1, step)
        for name, mask in sparsifier.masks.items():
            weight = named[name]
            assert not weight[~mask].any()
            for value in opt.state[weight].values():
                if torch.is_tensor(value) and value.shape == weight.shape:
                    assert not value[~mask].any()
            new = mask & ~before[name]
            assert not weight[new].any()  # a new connection starts at zero, without moments
            changed |= not torch.equal(mask, before[name])
            if rule in ROWWISE:
                kept = mask.flatten(1).sum(1)
                assert len(set(kept[kept > 0].tolist())) == 1
            before[name] = mask.clone()
    assert changed == (rule != "static")
    report = sparsifier.report()
    assert (report["sparsity"] >= 0.8 - 1e-9).all()
    total = sum(mask.numel() for mask in sparsifier.masks.values())
    # rounding down to whole rows makes it a little sparser than asked for
    assert 0.8 - 1e-9 <= 1 - report["nonzeros"].sum() / total < 0.83


def test_connections_stay_in_the_last_quarter():
    model = network()
    sparsifier = made("rigl", model)
    opt = OPTIMIZERS["sgd"](model.parameters())
    sparsifier.attach(opt)
    train(model, opt, sparsifier, 45)
    kept = {name: mask.clone() for name, mask in sparsifier.masks.items()}
    train(model, opt, sparsifier, 15, 45)
    assert all(torch.equal(kept[name], mask) for name, mask in sparsifier.masks.items())


@pytest.mark.parametrize("rule", RULES)
def test_continued_training_is_the_uninterrupted_one(rule):
    def begun():
        model = network()
        sparsifier = made(rule, model)
        opt = OPTIMIZERS["adamw"](model.parameters())
        sparsifier.attach(opt)
        return model, opt, sparsifier

    straight, opt, sparsifier = begun()
    train(straight, opt, sparsifier, 33)
    again, opt2, sparsifier2 = begun()
    train(again, opt2, sparsifier2, 14)  # just before an update, whose gradient is not there yet
    file = io.BytesIO()
    torch.save([part.state_dict() for part in (again, opt2, sparsifier2)], file)
    file.seek(0)
    fresh, opt3, sparsifier3 = begun()
    with torch.no_grad():
        fresh[4].weight.zero_()
    for part, state in zip((fresh, opt3, sparsifier3), torch.load(file), strict=True):
        part.load_state_dict(state)
    train(fresh, opt3, sparsifier3, 19, 14)
    for one, other in zip(straight.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)
    assert all(torch.equal(mask, sparsifier3.masks[name]) for name, mask in sparsifier.masks.items())


def test_accumulated_gradients_choose_the_connections_of_the_whole_batch():
    results = []
    for micro in (1, 4):
        model = network()
        sparsifier = made("rigl", model)
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        sparsifier.attach(opt)
        train(model.double(), opt, sparsifier, 0)
        model_float = model.float()
        train(model_float, opt, sparsifier, 6, micro=micro)
        results.append({name: mask.clone() for name, mask in sparsifier.masks.items()})
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_what_is_excluded_stays_dense_and_the_last_layer_keeps_its_neurons():
    model = network()
    first = model[1].weight.detach().clone()
    sparsifier = made("srigl", model, exclude=["1"], gamma_sal=0.95)
    assert set(sparsifier.masks) == {"4.weight", "6.weight"}
    assert torch.equal(model[1].weight, first)
    opt = OPTIMIZERS["sgd"](model.parameters())
    sparsifier.attach(opt)
    train(model, opt, sparsifier, 30)
    assert (model[1].weight != 0).all()
    report = sparsifier.report()
    assert report.loc["6.weight", "active"] == 3
    assert report.loc["4.weight", "active"] < 40


def test_fan_in_by_hand():
    model = network()
    sparsifier = made("srigl_no_ablation", model, fan_in={"4": 7, "6.weight": 5})
    assert sparsifier.report().loc[["4.weight", "6.weight"], "fan_in"].tolist() == [7, 5]
    with pytest.raises(ValueError, match=r"fan_in of 1\.weight must lie between 1 and its 9 inputs, got 10"):
        made("srigl", network(), fan_in=10)
    with pytest.raises(ValueError, match="no sparse layer matches 'head'"):
        made("srigl", network(), fan_in={"head": 2})


def test_a_trained_network_begins_with_its_largest_weights():
    model = network()
    dense = copy.deepcopy(model)
    sparsifier = made("srigl_no_ablation", model, trained=True, distribution="uniform")
    for name, mask in sparsifier.masks.items():
        weight = dict(dense.named_parameters())[name].flatten(1).abs()
        kept = int(mask.flatten(1).sum(1)[0])
        assert torch.equal(mask.flatten(1), weight >= weight.sort(1, descending=True).values[:, kept - 1 : kept])
        assert torch.equal(dict(model.named_parameters())[name], dict(dense.named_parameters())[name] * mask)


def test_first_weights_have_the_variance_of_their_fan_in():
    model = nn.Linear(2000, 400)
    sparsifier = sparsify.srigl(model, sparsity=0.9, total_steps=100, update_every=10)
    linked = model.weight[sparsifier.masks["weight"]]
    assert len(linked) == 400 * 200
    assert float(linked.var()) == pytest.approx(2 / 200, rel=0.03)  # not the standard deviation, as in the official code


def test_networks_that_users_ask_for():
    mixer = MlpMixer(img_size=32, patch_size=16, num_blocks=2, embed_dim=32, num_classes=4)
    sparsifier = sparsify.srigl(mixer, sparsity=0.5, total_steps=50, update_every=5, gamma_sal=0.3)
    opt = torch.optim.AdamW(mixer.parameters(), lr=1e-3)
    sparsifier.attach(opt)
    for _ in range(6):
        F.cross_entropy(mixer(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 2, 3])).backward()
        opt.step()
        sparsifier.step()
    attention = nn.TransformerEncoderLayer(16, 2, 32)
    names = sparsify.rigl(attention, sparsity=0.5, total_steps=50).masks
    assert {"self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"} == set(names)


def test_a_shared_weight_has_one_mask():
    shared = nn.Linear(8, 8)
    assert len(sparsify.rigl(nn.Sequential(shared, nn.ReLU(), shared), sparsity=0.5, total_steps=9, update_every=2).masks) == 1


def test_mistakes_are_one_sentence():
    with pytest.raises(ValueError, match="no linear layer or convolution; there is nothing to make sparse"):
        sparsify.srigl(nn.ReLU(), sparsity=0.9, total_steps=10)
    with pytest.raises(ValueError, match=r"every layer is excluded by \*"):
        sparsify.srigl(network(), sparsity=0.9, total_steps=10, exclude=["*"])
    with pytest.raises(ValueError, match=r"leaves 1 connections for the 3 neurons of 6\.weight"):
        sparsify.srigl(network(), sparsity=0.99, total_steps=10, distribution="uniform", exclude=["1", "4"])
    with pytest.raises(ValueError, match=r"sparsity must lie in \[0, 1\), got 1"):
        sparsify.rigl(network(), sparsity=1, total_steps=10)
    with pytest.raises(ValueError, match="total_steps and update_every must be at least 1, got 0"):
        sparsify.rigl(network(), sparsity=0.5, total_steps=0)
    with pytest.raises(ValueError, match="gamma_sal must not be negative"):
        sparsify.srigl(network(), sparsity=0.5, total_steps=10, gamma_sal=-1)
    sparsifier = made("rigl", network())
    with pytest.raises(ValueError, match=r"the optimizer does not hold 1\.weight"):
        sparsifier.attach(torch.optim.SGD(network().parameters(), lr=0.1))
    with pytest.raises(RuntimeError, match="attach"):
        sparsifier.step()
    with pytest.raises(ValueError, match="this network has weight"):
        sparsify.rigl(nn.Linear(9, 9), sparsity=0.5, total_steps=9).load_state_dict(sparsifier.state_dict())
