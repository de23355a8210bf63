"""The variance of a sparse layer's output norm: formulas against simulation."""

import pytest

from labkit.sparsify.theory import SCHEMES, output_norm_variance, simulated_norm_variance


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("n", "k"), [(16, 3), (8, 1), (12, 6)])
def test_the_formula_is_what_is_drawn(n, k, scheme):
    found = simulated_norm_variance(n, k, scheme, draws=60_000, seed=n)
    assert abs(found.value - output_norm_variance(n, k, scheme)) < 4 * found.error
    assert found.error < 0.05 * found.value


def test_a_fixed_fan_in_varies_least_and_dense_layers_are_one():
    for n, k in ((64, 4), (256, 16), (30, 29)):
        assert output_norm_variance(n, k, "per_neuron") < output_norm_variance(n, k, "per_layer")
        assert output_norm_variance(n, k, "per_neuron") < output_norm_variance(n, k, "bernoulli")
    dense = {scheme: output_norm_variance(10, 10, scheme) for scheme in SCHEMES}
    assert dense["per_layer"] == pytest.approx(dense["per_neuron"]) == pytest.approx(dense["bernoulli"])


def test_mistakes_are_one_sentence():
    with pytest.raises(ValueError, match="k must lie between 1 and n=4, got 5"):
        output_norm_variance(4, 5)
    with pytest.raises(ValueError, match="scheme must be one of bernoulli, per_layer, per_neuron, got 'rows'"):
        simulated_norm_variance(4, 2, "rows")
