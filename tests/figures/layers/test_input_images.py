"""The pictures of masks whose inputs are pixels."""

import numpy as np
import pytest

from labkit import figures
from labkit.figures.layers.input_images import CONNECTION, EMPTY

MASK = np.random.default_rng(0).random((100, 28 * 28)) < 0.1


def test_tiles_are_the_masks_of_the_neurons():
    mask = MASK.copy()
    mask[9] = False
    z = figures.neuron_mosaic(mask).data[0].z
    assert z.shape == (256, 256)
    for neuron, (row, column) in {0: (0, 0), 7: (0, 7), 10: (1, 2), 63: (7, 7)}.items():
        tile = z[32 * row + 2 : 32 * row + 30, 32 * column + 2 : 32 * column + 30]
        assert ((tile == CONNECTION) == mask[neuron].reshape(28, 28)).all()
    assert (z[34:62, 34:62] == EMPTY).all()


def test_density_is_relative_to_an_even_distribution():
    z = figures.input_density(MASK).data[0].z
    np.testing.assert_allclose(z, MASK.sum(0).reshape(28, 28) / MASK.sum() * 784)
    assert (figures.input_density(MASK & False).data[0].z == 0).all()


def test_images_need_not_be_square_but_must_fit():
    assert figures.input_density(MASK, shape=(14, 56)).data[0].z.shape == (14, 56)
    with pytest.raises(ValueError, match="784 inputs is no image of 3 by 4"):
        figures.neuron_mosaic(MASK, shape=(3, 4))
