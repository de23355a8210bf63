"""The film of a mask: what the sparsifier had, bit for bit, after each change."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit import sparsify
from labkit.training import Batches, Callback, fit


class Seen(Callback):
    def __init__(self, sparsifier):
        self.sparsifier, self.masks = sparsifier, {}

    def started(self, loop):
        self.masks[0] = self.sparsifier.masks["0.weight"].numpy().copy()

    def stepped(self, loop):
        self.masks[loop.step] = self.sparsifier.masks["0.weight"].numpy().copy()


def test_the_film_holds_every_mask_that_was():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(13, 7), nn.ReLU(), nn.Linear(7, 3))
    sparsifier = sparsify.rigl(model, sparsity=0.7, total_steps=60, update_every=10)
    film, seen = sparsify.MaskFilm(sparsifier, "0.weight"), Seen(sparsifier)
    batches = Batches(torch.randn(40, 13), torch.randint(3, (40,)), 10, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    callbacks = [sparsify.SparsifierCallback(sparsifier), film, seen]
    fit(model, batches, steps=60, optimizer=optimizer, callbacks=callbacks, progress=False)
    shown = dict(sparsify.frames(film.table))
    assert set(shown) <= {0, 10, 20, 30, 40}  # an update that changes nothing adds no frame
    assert len(shown) > 2
    for step, mask in seen.masks.items():
        latest = max(frame for frame in shown if frame <= step)
        assert np.array_equal(shown[latest], mask)
    again = sparsify.MaskFilm(sparsifier, "0.weight")
    again.load_state_dict(film.state_dict())
    assert again.table.equals(film.table)


def test_an_unknown_layer_is_one_sentence():
    sparsifier = sparsify.static(nn.Sequential(nn.Linear(8, 4)), sparsity=0.5, total_steps=10)
    with pytest.raises(ValueError, match=r"'1.weight' is no sparse layer; there are 0.weight"):
        sparsify.MaskFilm(sparsifier, "1.weight")
