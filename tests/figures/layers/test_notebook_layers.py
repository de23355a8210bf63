"""Distributions, factors, condensed layers and update steps."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures


def test_densities_stand_beside_fan_in_with_their_multiplications():
    rows = [("uniform", "a.weight", 0.5, 5.0, 100), ("uniform", "b.weight", 0.5, 1.0, 300), ("ERK", "a.weight", 1.0, 10.0, 100)]
    table = pd.DataFrame(
        [*rows, ("ERK", "b.weight", 0.2, 0.4, 300)], columns=["distribution", "layer", "density", "fan_in", "macs"]
    )
    density, fan_in, erk, _ = figures.layer_densities(table).data
    assert list(density.y) == ["a", "b"]
    assert (list(density.x), list(fan_in.x)) == ([0.5, 0.5], [5, 1])
    assert density.name == "uniform: 50.0 % of the multiplications"
    assert erk.name == "ERK: 40.0 % of the multiplications"


def test_factors_are_drawn_in_every_fourth_column_at_full_width():
    weight, factor, basis = np.ones((8, 20)), np.eye(5, 20), np.ones((8, 5))
    u, w, v = figures.factor_tiles({"fc1": (weight, factor)}, basis=basis).data
    assert (u.z.shape, w.z.shape, v.z.shape) == ((8, 5), (8, 5), (5, 5))
    assert (u.dx, w.dx) == (1, 4)
    with pytest.raises(ValueError, match="at least one matrix"):
        figures.factor_tiles({})


def test_a_condensed_layer_says_its_bytes():
    figure = figures.condensed_layer({"masked": np.zeros((2, 4), np.float32), "index": np.arange(4, dtype=np.uint16).reshape(2, 2)})
    assert [note.text for note in figure.layout.annotations] == ["<b>masked</b> 2 × 4, 32 bytes", "<b>index</b> 2 × 2, 8 bytes"]
    assert set(figure.data[0].text.ravel()) == {""}
    assert figure.data[1].text.tolist() == [["0", "1"], ["2", "3"]]


def test_an_update_has_six_panels_and_counts_salient_entries():
    mask = np.array([[True, True, False], [True, False, False]])
    arrays = {"weight": np.arange(6.0).reshape(2, 3), "gradient": np.ones((2, 3)), "mask": mask, "by_weight": mask}
    arrays |= {"by_gradient": ~mask, "active": np.array([True, False]), "kept": mask, "grown": mask}
    figure = figures.update_steps(arrays)
    assert len(figure.data) == 6
    assert list(figure.layout.yaxis3.ticktext) == [3, 3]
    assert (figure.data[3].z[1] == figure.data[3].z.max()).all()  # the second neuron is ablated
    with pytest.raises(ValueError, match="grown missing"):
        figures.update_steps({name: array for name, array in arrays.items() if name != "grown"})
