"""Variance of the output norm of a sparse layer, by the distribution of its connections (SRigL, section 3 and appendix)."""

from __future__ import annotations

from typing import NamedTuple

import torch

from labkit.seeds import checked_seed
from labkit.words import shortly

SCHEMES = ("bernoulli", "per_layer", "per_neuron")


class Variance(NamedTuple):
    """A simulated variance with its standard error."""

    value: float
    error: float


def output_norm_variance(n: int, k: int, scheme: str = "per_neuron") -> float:
    """Return Var ||y||^2 of a ReLU layer with n inputs and n outputs, k connections per output on average, E ||y||^2 = 1.

    ``y_i = sqrt(2/k) sum_j w_ij I_ij xi_j z_j`` with z uniform on the unit sphere, w standard normal, and xi_j in {0, 1} with
    probability 1/2 in place of the ReLU.

    Parameters
    ----------
    n, k : int
        1 <= k <= n.
    scheme : {"bernoulli", "per_layer", "per_neuron"}
        How the connections I are drawn: each with probability k/n; n k of them anywhere in the layer; k per output (SRigL).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown scheme, or k outside 1 … n.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024, section 3 and appendix.

    Examples
    --------
    >>> round(output_norm_variance(16, 3, "per_neuron"), 3)
    0.538
    """
    _check(n, k, scheme)
    scale = n * (n + 2)
    if scheme == "per_layer":
        together = (n - 1 / k) / (n - 1 / n)
        return ((n * n + 7 * n - 8) * together + 18 * n / k - n * n - 2 * n) / scale
    bernoulli = (5 * n - 8 + 18 * n / k) / scale
    return bernoulli if scheme == "bernoulli" else bernoulli - 3 * (n - k) / (k * scale)


def simulated_norm_variance(n: int, k: int, scheme: str = "per_neuron", *, draws: int = 20_000, seed: int = 0) -> Variance:
    """Return the variance of ||y||^2 over random layers and inputs, with its standard error.

    Parameters
    ----------
    n, k, scheme
        As `output_norm_variance`.
    draws : int
        Number of random layers, each with one random input.
    seed : int

    Returns
    -------
    Variance

    Raises
    ------
    ValueError
        As `output_norm_variance`.
    """
    _check(n, k, scheme)
    g = torch.Generator().manual_seed(checked_seed(seed))
    norms = [_norms(min(1000, draws - start), n, k, scheme, g) for start in range(0, draws, 1000)]
    squares = torch.cat(norms).double()
    centred = (squares - squares.mean()) ** 2
    return Variance(float(squares.var()), float(centred.std() / len(squares) ** 0.5))


def _norms(count: int, n: int, k: int, scheme: str, g: torch.Generator) -> torch.Tensor:
    """||y||^2 of `count` draws."""
    z = torch.randn(count, n, generator=g)
    z /= z.norm(dim=1, keepdim=True)
    passed = (torch.rand(count, n, generator=g) < 0.5) * z
    weight = torch.randn(count, n, n, generator=g)
    chance = torch.rand(count, n, n, generator=g)
    if scheme == "bernoulli":
        connected = chance < k / n
    else:
        flat = chance if scheme == "per_neuron" else chance.reshape(count, 1, n * n)
        each = k if scheme == "per_neuron" else n * k
        connected = torch.zeros_like(flat, dtype=torch.bool).scatter_(2, flat.topk(each, dim=2).indices, True).view(count, n, n)
    y = torch.einsum("bij,bj->bi", weight * connected, passed) * (2 / k) ** 0.5
    return (y**2).sum(1)


def _check(n: int, k: int, scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {shortly(scheme)}")
    if not 1 <= k <= n:
        raise ValueError(f"k must lie between 1 and n={n}, got {k}")
