"""Which layers of a compressed network share a basis, and its cost: the table behind `figures.shared_bases`."""

from __future__ import annotations

import pandas as pd
from torch import nn

from labkit.compress.mlps import MLP
from labkit.cost import bytes_by_kind
from labkit.layers import SharedBasisLinear

COLUMNS = (
    *("block", "layer", "group", "width", "rank", "hidden", "nonzeros", "base_bytes", "factor_bytes", "dense_bytes"),
    *("macs", "spread_macs", "whole_macs", "making_macs"),
)


def sharing(model: nn.Module) -> pd.DataFrame:
    """Return one row per layer that shares a basis, in module order; no row for a network without such layers.

    Parameters
    ----------
    model : nn.Module
        As `fips` returns it, or a store loads it.

    Returns
    -------
    DataFrame
        block, layer
            Paths; the layer's begins with its block's.
        group
            Number of the basis, from 0 in the order of first use.
        width, rank, hidden
            d, r and p: the basis is [d, r], the factor [r, p].
        nonzeros
            Nonzeros that the factor stores.
        base_bytes
            Of the basis, which its group keeps once.
        factor_bytes
            Of the factor: values and indices.
        dense_bytes
            Of the weight that the two replace. Biases are in none of the three.
        macs
            Multiply-accumulates per row of inputs where zeros are skipped: d r and one per nonzero.
        spread_macs
            The same with a dense factor, zeros included: d r + r p.
        whole_macs, making_macs
            Where U V is computed first: d p per row, as in the original layer, and d r p once per call. A layer takes whichever of
            this and `spread_macs` is less for the rows of a call.

    Examples
    --------
    >>> from labkit.compress import fips
    >>> mlp = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))
    >>> sharing(fips(mlp, budget=0.5))[["layer", "group", "rank"]].to_dict("list")
    {'layer': ['0', '2'], 'group': [0, 0], 'rank': [10, 10]}
    """
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, SharedBasisLinear)}
    blocks = _blocks(layers)
    groups: dict[int, int] = {}  # identity of a base -> its number
    rows = [
        {
            "block": blocks[path],
            "layer": path,
            "group": groups.setdefault(id(layer.base), len(groups)),
            "width": layer.width,
            "rank": layer.rank,
            "hidden": layer.hidden,
            "nonzeros": layer.nonzeros,
            "base_bytes": layer.base.nbytes,
            "factor_bytes": _factor_bytes(layer),
            "dense_bytes": layer.width * layer.hidden * layer.base.element_size(),
            "macs": layer.width * layer.rank + layer.nonzeros,
            "spread_macs": layer.rank * (layer.width + layer.hidden),
            "whole_macs": layer.width * layer.hidden,
            "making_macs": layer.width * layer.rank * layer.hidden,
        }
        for path, layer in layers.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _blocks(layers: dict[str, SharedBasisLinear]) -> dict[str, str]:
    """Path of a layer -> name of its block, which ends with the layer that narrows."""
    named: dict[str, str] = {}
    block: list[str] = []
    for path, layer in layers.items():
        block.append(path)
        if not layer.widens:
            named |= dict.fromkeys(block, MLP(tuple(block[:-1]), path, layer.width).name)
            block = []
    return named | {path: path for path in block}


def _factor_bytes(layer: SharedBasisLinear) -> int:
    bias = layer.factor.bias
    return sum(bytes_by_kind(layer.factor).values()) - (0 if bias is None else bias.nbytes)
