"""Formulas and simulation of the variance of output norms agree, and intervals become narrower."""

import numpy as np

from labkit.sparsify.norm_variance import norm_variances
from labkit.sparsify.theory import output_norm_variance


def test_the_simulation_agrees_with_the_formulas_and_narrows():
    first, *_, last = norm_variances(6, rounds=8, draws=2000)
    assert (np.abs(last["measured"] - last["formula"]) < 5 * last["error"]).all()
    assert (last["error"] < 0.6 * first["error"]).all()
    assert (first.attrs["rounds"], last.attrs["rounds"]) == (1, 8)


def test_values_are_relative_to_connections_drawn_independently():
    table = next(norm_variances(8, draws=50)).set_index(["series", "x"])["formula"]
    assert set(table.loc["each by chance"]) == {1.0}
    assert table["fixed fan-in", 2] * output_norm_variance(8, 2, "bernoulli") == output_norm_variance(8, 2, "per_neuron")
