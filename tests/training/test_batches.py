"""Batches are a pure function of seed and step, with each example once per epoch; augmentation and schedules."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.training import Batches, decay_matrices_only, flip_and_shift, warmup_cosine


@given(n=st.integers(1, 60), batch=st.integers(1, 20), seed=st.integers(0, 2**40), epoch=st.integers(0, 5))
@settings(deadline=None)
def test_an_epoch_holds_each_example_at_most_once(n, batch, seed, epoch):
    stream = Batches(torch.arange(n)[:, None].float(), torch.arange(n), batch, seed=seed)
    steps = range(epoch * stream.per_epoch, (epoch + 1) * stream.per_epoch)
    seen = torch.cat([stream[step][1] for step in steps])
    assert len(seen) == len(seen.unique()) == stream.per_epoch * min(batch, n)


def test_steps_can_be_read_in_any_order():
    make = lambda: Batches(torch.rand(50, 1, 9, 9), torch.arange(50), 8, seed=3, augment=flip_and_shift(2))  # noqa: E731
    torch.manual_seed(0)
    a = make()
    torch.manual_seed(0)
    b = make()
    forward = [a[i] for i in range(20)]
    backward = [b[i] for i in reversed(range(20))][::-1]
    for (x, y), (x2, y2) in zip(forward, backward, strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)
    assert not torch.equal(a[0][1], a[a.per_epoch][1])  # epochs differ


def test_bytes_are_scaled_to_the_unit_interval():
    x, _ = Batches(torch.tensor([[0], [255]], dtype=torch.uint8), torch.tensor([0, 1]), 2)[0]
    assert sorted(x.flatten().tolist()) == [0.0, 1.0]


def test_flip_and_shift_only_moves_pixels():
    x = torch.zeros(400, 1, 9, 9)
    x[:, 0, 4, 3] = 1  # one bright pixel, far from the border
    y = flip_and_shift(2)(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert (y.flatten(1).sum(1) == 1).all()
    rows, columns = (y[:, 0] == 1).nonzero()[:, 1:].T
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5, 6, 7}  # 3 or, mirrored, 5; both +-2
    mirrored = (flip_and_shift(0)(x, torch.Generator().manual_seed(1))[:, 0, 4, 5] == 1).float().mean()
    assert 0.4 < mirrored < 0.6


def test_plain_from_switches_augmentation_off():
    inputs = torch.rand(8, 1, 5, 5)
    stream = Batches(inputs, torch.arange(8), 8, augment=flip_and_shift(2), plain_from=1)
    x, y = stream[1]
    assert torch.equal(x, inputs[y])
    assert not torch.equal(stream[0][0], inputs[stream[0][1]])


@pytest.mark.parametrize("arguments", [(torch.zeros(0, 1), torch.zeros(0), 1), (torch.zeros(2, 1), torch.zeros(3), 1)])
def test_invalid_batches_raise(arguments):
    with pytest.raises(ValueError, match="as many inputs as labels"):
        Batches(*arguments)
    with pytest.raises(ValueError, match="batch_size"):
        Batches(torch.zeros(2, 1), torch.zeros(2), 0)


def test_warmup_cosine_follows_its_formula_and_ends_at_zero():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = warmup_cosine(optimizer, steps=100, warmup=0.1)
    rates = []
    for _ in range(101):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates[:10] == pytest.approx([2.0 * (i + 1) / 10 for i in range(10)])
    assert rates[55] == pytest.approx(1.0)  # half-way down the cosine
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_weight_decay_applies_to_matrices_only():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 2))
    decayed, plain = decay_matrices_only(model, 0.1)
    assert [tuple(p.shape) for p in decayed["params"]] == [(2, 1, 3, 3), (2, 2)]
    assert {p.ndim for p in plain["params"]} == {1}
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
