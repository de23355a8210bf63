"""What can be known of a compression without running the network: magnitudes kept, singular values, ranks and bytes of a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from labkit.compress.methods.fips.budget import rank_for, size_of

STORAGES = ("bitmask", "fixed_fan_in")
PERCENT = 100.0


def magnitude_kept(weight: Tensor) -> pd.DataFrame:
    """Return how much of the magnitude of a weight remains at each fan-in, by the choice of the nonzeros.

    Parameters
    ----------
    weight : Tensor [N, ...]
        One row per neuron; further dimensions are flattened.

    Returns
    -------
    DataFrame
        Indexed by sparsity, from a fan-in of 1 to the whole layer. Columns, in percent of the sum of |w|: "layer-wide" (largest of
        the layer), "per neuron" (largest of each row, fixed fan-in), "at random" (expectation).

    Examples
    --------
    >>> magnitude_kept(torch.tensor([[4.0, 3.0], [2.0, 1.0]])).round(0).loc[0.5].to_dict()
    {'layer-wide': 70.0, 'per neuron': 60.0, 'at random': 50.0}
    """
    size = _magnitudes(weight)
    rows, inputs = size.shape
    layer_wide = np.sort(size, axis=None)[::-1].cumsum()[rows - 1 :: rows]
    per_neuron = np.sort(size, axis=1)[:, ::-1].cumsum(axis=1).sum(axis=0)
    fan_in = np.arange(1, inputs + 1)
    table = {"layer-wide": layer_wide / size.sum(), "per neuron": per_neuron / size.sum(), "at random": fan_in / inputs}
    return PERCENT * pd.DataFrame(table, index=pd.Index(1 - fan_in / inputs, name="sparsity"))


def fan_in_by_magnitude(weight: Tensor, fan_in: int) -> np.ndarray:
    """Return the number of nonzeros of each neuron when the largest weights of the whole layer are kept.

    Parameters
    ----------
    weight : Tensor [N, ...]
    fan_in : int
        Nonzeros per neuron, on average.

    Returns
    -------
    int ndarray [N]
        In ascending order.

    Raises
    ------
    ValueError
        When `fan_in` is not between 1 and the number of inputs.

    Examples
    --------
    >>> fan_in_by_magnitude(torch.tensor([[4.0, 3.0], [2.0, 1.0]]), 1).tolist()
    [0, 2]
    """
    size = _magnitudes(weight)
    if not 1 <= fan_in <= size.shape[1]:
        raise ValueError(f"fan_in must lie between 1 and the {size.shape[1]} inputs, got {fan_in}")
    smallest = np.sort(size, axis=None)[-len(size) * fan_in]
    return np.sort((size >= smallest).sum(axis=1))


def joint_singular_values(matrices: Sequence[Tensor]) -> np.ndarray:
    """Return the singular values of matrices [d, p_i] side by side, from the d by d sum of their Gram matrices.

    Parameters
    ----------
    matrices : sequence of Tensor [d, p_i]

    Returns
    -------
    float64 ndarray [d]
        In descending order.

    Examples
    --------
    >>> joint_singular_values([torch.eye(2), torch.eye(2)]).round(3).tolist()
    [1.414, 1.414]
    """
    gram = torch.stack([matrix.double() @ matrix.double().T for matrix in matrices]).sum(dim=0)
    return torch.linalg.eigvalsh(gram).flip(0).clamp(min=0).sqrt().numpy()


def rotated(groups: Sequence[Sequence[Tensor]], *, seed: int = 0) -> list[list[Tensor]]:
    """Return matrices with a random rotation of the rows of each group.

    A rotation changes no singular value of a group by itself, but removes the directions that groups have in common.

    Parameters
    ----------
    groups : sequence of sequences of Tensor [d, p_i]
    seed : int

    Returns
    -------
    list of list of Tensor [d, p_i]

    Examples
    --------
    >>> (turned,), = rotated([[torch.eye(3)]])
    >>> torch.allclose(turned @ turned.T, torch.eye(3), atol=1e-6)
    True
    """
    random = torch.Generator().manual_seed(seed)
    turned = []
    for group in groups:
        side = group[0].shape[0]
        turn = torch.linalg.qr(torch.randn(side, side, generator=random)).Q
        turned.append([turn @ matrix for matrix in group])
    return turned


def relative_error(exact: Mapping[str, Tensor], approximate: Mapping[str, Tensor]) -> float:
    """Return the squared error of matrices as a fraction of their squared norm.

    Parameters
    ----------
    exact, approximate : mapping of str to Tensor
        Of equal names and shapes.

    Returns
    -------
    float

    Examples
    --------
    >>> relative_error({"w": torch.tensor([3.0, 4.0])}, {"w": torch.tensor([3.0, 0.0])})
    0.64
    """
    lost = sum(float((approximate[name] - matrix).double().square().sum()) for name, matrix in exact.items())
    return lost / sum(float(matrix.double().square().sum()) for matrix in exact.values())


def ranks_of_budget(
    width: int, hidden: Sequence[int], budget: float, sparsities: Sequence[float], *, value_bytes: int = 4
) -> pd.DataFrame:
    """Return the rank of a shared basis that a budget allows, when parameters are counted and when bytes are.

    Parameters
    ----------
    width : int
        Height d of the matrices.
    hidden : sequence of int
        Width p of each matrix.
    budget : float
        Fraction of the parameters, or bytes.
    sparsities : sequence of float
        Of the factors.
    value_bytes : int
        4 for float32, 2 for float16.

    Returns
    -------
    DataFrame
        Indexed by sparsity; columns "parameters", "bytes, bitmask", "bytes, fixed_fan_in". NaN where not even rank 1 fits.

    Examples
    --------
    >>> ranks_of_budget(768, [3072] * 8, 0.25, [0.75])["parameters"].tolist()
    [682.0]
    """
    counted: dict[str, dict[str, Any]] = {"parameters": {"kind": "parameters"}}
    counted |= {f"bytes, {storage}": {"kind": "bytes", "storage": storage, "value_bytes": value_bytes} for storage in STORAGES}
    table = {name: [_rank(width, hidden, budget, s, **options) for s in sparsities] for name, options in counted.items()}
    return pd.DataFrame(table, index=pd.Index(sparsities, name="sparsity"))


def bytes_of_budget(
    width: int, hidden: Sequence[int], budget: float, sparsities: Sequence[float], *, value_bytes: int = 4
) -> pd.DataFrame:
    """Return the bytes that are stored at the rank that a budget of parameters allows.

    Parameters
    ----------
    width, hidden, budget, sparsities, value_bytes
        As in `ranks_of_budget`.

    Returns
    -------
    DataFrame
        Indexed by sparsity, one column per storage; percent of the bytes of the dense weights, NaN where not even rank 1 fits.

    Examples
    --------
    >>> bytes_of_budget(768, [3072] * 8, 0.25, [0.0])["bitmask"].round(1).tolist()
    [25.8]
    """
    rows = []
    for sparsity in sparsities:
        rank = _rank(width, hidden, budget, sparsity)
        options: dict[str, Any] = {"sparsity": sparsity, "value_bytes": value_bytes}
        share = [
            np.nan if np.isnan(rank) else bytes_of_rank(width, hidden, int(rank), storage=name, **options) for name in STORAGES
        ]
        rows.append(dict(zip(STORAGES, (PERCENT * one for one in share), strict=True)))
    return pd.DataFrame(rows, index=pd.Index(sparsities, name="sparsity"))


def bytes_of_rank(
    width: int, hidden: Sequence[int], rank: int, sparsity: float, *, storage: str = "bitmask", value_bytes: int = 4
) -> float:
    """Return the bytes of a shared basis and its factors as a fraction of those of the dense weights.

    Parameters
    ----------
    width, hidden
        As in `ranks_of_budget`.
    rank : int
    sparsity : float
        Of the factors.
    storage : {"bitmask", "fixed_fan_in"}
    value_bytes : int
        Of one value.

    Returns
    -------
    float

    Examples
    --------
    >>> round(bytes_of_rank(768, [3072] * 8, 682, 0.75), 3)
    0.278
    """
    return size_of(width, hidden, rank, sparsity, "bytes", storage, value_bytes) / (width * sum(hidden) * value_bytes)


def _rank(width: int, hidden: Sequence[int], budget: float, sparsity: float, **counted: Any) -> float:
    try:
        return float(rank_for(width, hidden, budget, sparsity, **counted))
    except ValueError:  # not even rank 1
        return np.nan


def _magnitudes(weight: Tensor) -> np.ndarray:
    return weight.detach().flatten(1).abs().numpy()
