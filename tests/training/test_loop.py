"""The loop equals a hand-written one, reports where a NaN arises, and keeps the best weights."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labkit import data
from labkit.training import Batches, Callback, KeepBest, NonFiniteLoss, fit, predict


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def stream():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 4, generator=generator)
    return Batches(x, x[:, :3].argmax(1), 10, seed=2)


def test_fit_equals_a_loop_written_by_hand():
    model, by_hand = net(), net()
    fit(model, stream(), steps=25, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-2), clip_norm=0.5, progress=False)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=1e-2)
    batches = stream()
    for step in range(25):
        x, y = batches[step]
        optimizer.zero_grad()
        F.cross_entropy(by_hand(x), y).backward()
        nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
        optimizer.step()
    for a, b in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(a, b)


class Poison(Callback):
    """Changes a weight after a given step."""

    def __init__(self, step, change):
        self.step, self.change = step, change

    def stepped(self, loop):
        if loop.step == self.step:
            with torch.no_grad():
                self.change(loop.model)


def test_nan_weight_is_named_with_step_and_epoch():
    model = net()
    poison = Poison(4, lambda m: m[2].weight[0, 0].fill_(float("nan")))
    with pytest.raises(NonFiniteLoss, match=r"nan at step 5 \(epoch 2, batch 2 of 3\): weight '2.weight'"):
        fit(model, stream(), steps=10, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), callbacks=[poison], progress=False)


def test_overflowing_layer_is_named():
    model = net()
    poison = Poison(1, lambda m: m[0].weight.fill_(3e38))
    with pytest.raises(NonFiniteLoss, match=r"step 2 .*layer '0' is the first"):
        fit(model, stream(), steps=10, optimizer=torch.optim.SGD(model.parameters(), lr=0.0), callbacks=[poison], progress=False)


def test_nan_input_is_named():
    model, batches = net(), stream()
    batches.inputs[7, 0] = float("nan")
    with pytest.raises(NonFiniteLoss, match="batch itself"):
        fit(model, batches, steps=3, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), progress=False)


def test_keep_best_restores_the_best_weights_on_validation():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4)).astype(np.float32)
    ds = data.from_arrays(x, x[:, :3].argmax(1))
    model = net()
    best = KeepBest(ds.validation, every=3)
    spoil = Poison(27, lambda m: m[2].weight.mul_(-1))  # negates the weights near the end
    batches = Batches(torch.from_numpy(ds.train.x), torch.from_numpy(ds.train.labels), 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    fit(model, batches, steps=30, optimizer=optimizer, callbacks=[spoil, best], progress=False)
    accuracies = dict(best.history)
    assert list(accuracies) == list(range(3, 31, 3))
    assert accuracies[30] < best.best == max(accuracies.values())
    assert (predict(model, ds.validation).argmax(1) == ds.validation.labels).mean() == best.best
    assert not model.training


@pytest.mark.parametrize(("options", "words"), [({"steps": 0}, "steps"), ({"steps": 1, "precision": "half"}, "'half'")])
def test_invalid_settings_raise(options, words):
    model = net()
    with pytest.raises(ValueError, match=words):
        fit(model, stream(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1), progress=False, **options)


def test_predict_goes_batch_by_batch_and_restores_the_mode():
    ds = data.from_arrays(np.random.default_rng(1).normal(size=(53, 4)), np.arange(53) % 3)
    model = nn.Sequential(net(), nn.Dropout(0.5)).train()
    logits = predict(model, ds.train, batch_size=7)
    assert model.training
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(ds.train.x)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
