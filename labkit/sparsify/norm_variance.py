"""Simulation of the variance of the output norm of sparse layers, beside its formulas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labkit.sparsify.theory import output_norm_variance, simulated_norm_variance

DRAWN = {"bernoulli": "each by chance", "per_layer": "anywhere in the layer", "per_neuron": "fixed fan-in"}
SHARES = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 1 / 2, 1)


def norm_variances(n: int, *, rounds: int = 40, draws: int | None = None) -> Iterator[pd.DataFrame]:
    """Compare formulas and simulation for several fan-ins, with narrower intervals after each round.

    Parameters
    ----------
    n : int
        Inputs and outputs of the layer.
    rounds : int
    draws : int, optional
        Layers that are drawn per round and fan-in; by default fewer for larger layers.

    Yields
    ------
    DataFrame
        One row per scheme of drawing connections and fan-in, relative to the formula for "bernoulli": columns series (title of the
        scheme), x (fan-in), formula, measured, error (standard error of measured), for `labkit.figures.formula_check`. ``attrs``
        holds n and the number of rounds so far.

    References
    ----------
    Lasby et al., "Dynamic Sparse Training with Structured Sparsity", ICLR 2024, section 3 and appendix.

    Examples
    --------
    >>> table = next(norm_variances(4, draws=50))
    >>> table["x"].tolist()
    [1, 2, 4, 1, 2, 4, 1, 2, 4]
    """
    fan_ins = sorted({max(1, round(n * share)) for share in SHARES})
    draws = 200_000 // n**2 + 200 if draws is None else draws
    cells = [(scheme, k) for scheme in DRAWN for k in fan_ins]
    scale = np.array([output_norm_variance(n, k, "bernoulli") for _, k in cells])
    formula = np.array([output_norm_variance(n, k, scheme) for scheme, k in cells])
    total, squares = np.zeros(len(cells)), np.zeros(len(cells))
    for done in range(1, rounds + 1):
        found = [simulated_norm_variance(n, k, scheme, draws=draws, seed=100 * done + k) for scheme, k in cells]
        total += [one.value for one in found]
        squares += [one.error**2 for one in found]
        table = pd.DataFrame(
            {"series": [DRAWN[scheme] for scheme, _ in cells], "x": [k for _, k in cells], "formula": formula / scale}
        )
        table = table.assign(measured=total / done / scale, error=np.sqrt(squares) / done / scale)
        table.attrs |= {"n": n, "rounds": done}
        yield table
