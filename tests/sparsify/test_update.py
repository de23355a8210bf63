"""One update of each rule against a literal, loop by loop transcription of the papers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.sparsify import View
from labkit.sparsify.rules.gmp import GMP
from labkit.sparsify.rules.n_of_m import NOfM
from labkit.sparsify.rules.rigl import RigL
from labkit.sparsify.rules.set_evolution import SET
from labkit.sparsify.rules.srigl import SRigL
from labkit.sparsify.rules.srigl_no_ablation import SRigLNoAblation


def view(weight, gradient, mask, nonzeros, share=0.3, ablates=True, step=1):
    generator = torch.Generator().manual_seed(0)
    parts = [torch.as_tensor(part) for part in (weight, gradient, mask)]
    return View(*parts, nonzeros=nonzeros, share=share, step=step, ablates=ablates, generator=generator)


def layer(outputs, inputs, fan_in, seed, empty_rows=0):
    """Weights, gradient and a mask with `fan_in` connections in each row but the first few, none of them zero or equal."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((outputs, inputs), bool)
    for row in range(empty_rows, outputs):
        mask[row, rng.permutation(inputs)[:fan_in]] = True
    weight = np.where(mask, rng.permutation(outputs * inputs).reshape(mask.shape) + 1.0, 0.0) * rng.choice([-1, 1], mask.shape)
    gradient = (rng.permutation(outputs * inputs).reshape(mask.shape) + 1.0) * rng.choice([-1, 1], mask.shape)
    return weight, gradient, mask


def top(values, count, allowed):
    """Places of the largest values among the allowed ones, by sorting all of them."""
    places = sorted(allowed, key=lambda place: -values[place])
    return set(places[:count])


def literal_srigl(weight, gradient, mask, nonzeros, share, gamma, ablates):
    """SRigL (section 3), loop by loop: existing connections are kept and the excess of a row is dropped by magnitude."""
    outputs, inputs = mask.shape
    everywhere = [(i, j) for i in range(outputs) for j in range(inputs)]
    magnitude = {place: abs(weight[place]) for place in everywhere}
    slope = {place: abs(gradient[place]) for place in everywhere}
    ones = sum(bool(mask[place]) for place in everywhere)
    prune = int(share * ones)
    keep = ones - prune
    alive = sum(weight[place] != 0 for place in everywhere)
    if alive < keep:
        keep, prune = alive, ones - alive
    ablated = set()
    if ablates:
        salient = top(magnitude, keep, everywhere) | top(slope, prune, everywhere)
        c = [sum((i, j) in salient for j in range(inputs)) for i in range(outputs)]
        before = nonzeros // outputs
        threshold = int(gamma) if gamma >= 1 else max(1, int(gamma * before))
        fewest = min(outputs - 1, nonzeros // inputs)
        threshold = min(threshold, sorted(c, reverse=True)[fewest])
        ablated = {i for i in range(outputs) if c[i] < threshold}
    fan_in = nonzeros // (outputs - len(ablated))
    candidates = [place for place in everywhere if mask[place] and place[0] not in ablated]
    kept = top(magnitude, keep, candidates)
    new = np.zeros_like(mask)
    for i in range(outputs):
        if i in ablated:
            continue
        row = top(magnitude, fan_in, [place for place in kept if place[0] == i])
        row |= top(slope, fan_in - len(row), [(i, j) for j in range(inputs) if (i, j) not in row])
        for place in row:
            new[place] = True
    return new


@given(
    outputs=st.integers(2, 12),
    inputs=st.integers(3, 14),
    share=st.floats(0.02, 0.6),
    gamma=st.sampled_from([0.0, 0.3, 0.6, 0.95, 2.0]),
    ablates=st.booleans(),
    empty=st.integers(0, 1),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=150, deadline=None)
def test_srigl_is_the_published_algorithm(outputs, inputs, share, gamma, ablates, empty, seed):
    fan_in = 1 + seed % (inputs - 1)
    weight, gradient, mask = layer(outputs, inputs, fan_in, seed, empty_rows=empty)
    nonzeros = outputs * fan_in
    found = SRigL(gamma).update(view(weight, gradient, mask, nonzeros, share, ablates)).numpy()
    wanted = literal_srigl(weight, gradient, mask, nonzeros, share, gamma, ablates)
    assert np.array_equal(found, wanted)
    counts = found.sum(1)
    assert len(set(counts[counts > 0])) == 1
    assert found.sum() == (counts > 0).sum() * (nonzeros // (counts > 0).sum())


def literal_rigl(weight, gradient, mask, share):
    places = list(np.ndindex(mask.shape))
    linked = [place for place in places if mask[place]]
    keep = len(linked) - int(share * len(linked))
    kept = top({p: abs(weight[p]) for p in places}, keep, linked)
    grown = top({p: abs(gradient[p]) for p in places}, len(linked) - keep, [p for p in places if p not in kept])
    new = np.zeros_like(mask)
    for place in kept | grown:
        new[place] = True
    return new


@given(outputs=st.integers(1, 10), inputs=st.integers(2, 10), share=st.floats(0, 0.9), seed=st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_rigl_is_the_published_algorithm(outputs, inputs, share, seed):
    weight, gradient, mask = layer(outputs, inputs, 1 + seed % (inputs - 1) if inputs > 2 else 1, seed)
    found = RigL().update(view(weight, gradient, mask, int(mask.sum()), share)).numpy()
    assert np.array_equal(found, literal_rigl(weight, gradient, mask, share))


def test_set_keeps_the_largest_and_draws_the_rest():
    weight, gradient, mask = layer(20, 30, 6, 0)
    drawn = []
    for seed in (0, 0, 1):
        given_view = view(weight, gradient, mask, 120)
        given_view.generator.manual_seed(seed)
        drawn.append(SET().update(given_view).numpy())
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    smallest = np.sort(np.abs(weight[mask]))[int(0.3 * 120)]
    for new in drawn:
        assert new.sum() == 120
        assert new[np.abs(weight) >= smallest].all()


def test_gradual_pruning_reaches_its_end_and_never_grows():
    weight = np.random.default_rng(0).normal(size=(10, 20))
    rule, mask, counts = GMP(end=300), np.ones((10, 20), bool), []
    for step in range(0, 401, 50):
        new = rule.update(view(weight * mask, weight, mask, 20, step=step)).numpy()
        assert not (new & ~mask).any()
        mask = new
        counts.append(int(mask.sum()))
    # 1 - s_t = 0.1 + 0.9 (1 - t / 300)^3
    assert counts == [round(200 * (0.1 + 0.9 * max(0, 1 - t / 300) ** 3)) for t in range(0, 401, 50)]
    assert counts[6:] == [20, 20, 20]
    assert np.array_equal(mask, np.abs(weight) >= np.sort(np.abs(weight).ravel())[-20])


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (4, 8)])
def test_every_group_keeps_its_n(n, m):
    weight, gradient, _ = layer(6, 24, 3, 0)
    weight = np.random.default_rng(0).normal(size=(6, 24))
    rule = NOfM(n, m)
    mask = rule.initial(view(weight, gradient, np.ones((6, 24), bool), 0), torch.as_tensor(np.abs(weight)))
    assert (mask.numpy().reshape(-1, m).sum(1) == n).all()
    new = rule.update(view(weight * mask.numpy(), gradient, mask, 0, share=0.5)).numpy()
    assert (new.reshape(-1, m).sum(1) == n).all()
    assert not np.array_equal(new, mask.numpy())
    with pytest.raises(ValueError, match=f"no whole groups of {m}"):
        rule.initial(view(weight[:, :-1], gradient[:, :-1], np.ones((6, 23), bool), 0), torch.rand(6, 23))


def test_without_ablation_every_neuron_keeps_its_connections():
    weight, gradient, mask = layer(12, 20, 4, 3)
    weight[0] *= 1e-6
    gradient[0] *= 1e-9
    new = SRigLNoAblation().update(view(weight, gradient, mask, 48)).numpy()
    assert (new.sum(1) == 4).all()
    assert SRigL(0.95).update(view(weight, gradient, mask, 48)).numpy()[0].sum() == 0
