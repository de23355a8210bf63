"""How the distributions of a sparsity differ, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from torch import nn

from labkit.cost import macs_by_module
from labkit.sparsify.distribution import densities
from labkit.sparsify.sparsifier import eligible

TITLES = {"uniform": "uniform", "erk": "ERK"}


def distribution_table(
    model: nn.Module, inputs: torch.Tensor, sparsity: float, *, macs: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Return density and fan-in of every eligible layer under the uniform and the ERK distribution.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor
        Example inputs, to count multiplications.
    sparsity : float
        Of all layers together.
    macs : mapping of str to int, optional
        Module -> multiplications, where they are known.

    Returns
    -------
    DataFrame
        One row per (distribution, layer): columns distribution, layer, density, fan_in, macs (of the dense layer), for
        `labkit.figures.layer_densities`.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(10, 30), nn.ReLU(), nn.Linear(30, 5))
    >>> table = distribution_table(model, torch.zeros(1, 10), 0.5)
    >>> table[["layer", "fan_in"]].head(2).to_dict("list")
    {'layer': ['0.weight', '2.weight'], 'fan_in': [5.0, 15.0]}
    """
    shapes = {name: tuple(weight.shape) for name, weight in eligible(model).items()}
    macs = macs_by_module(model, inputs) if macs is None else macs
    inputs_of = {name: math.prod(shape[1:]) for name, shape in shapes.items()}
    rows = [
        (title, name, density, density * inputs_of[name], macs[name.rpartition(".")[0]])
        for key, title in TITLES.items()
        for name, density in densities(shapes, sparsity, key).items()
    ]
    return pd.DataFrame(rows, columns=["distribution", "layer", "density", "fan_in", "macs"])
