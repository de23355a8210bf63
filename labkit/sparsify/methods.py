"""The topologies by name: one function each, with the arguments that only it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from labkit.sparsify.gmp import GMP
from labkit.sparsify.n_of_m import NOfM
from labkit.sparsify.rigl import RigL
from labkit.sparsify.rules import Rule
from labkit.sparsify.schedule import Schedule
from labkit.sparsify.set_topology import SET
from labkit.sparsify.sparsifier import Sparsifier
from labkit.sparsify.srigl import SRigL, SRigLNoAblation
from labkit.sparsify.static import Static


def _made(
    model: nn.Module,
    rule: Rule,
    sparsity: float,
    total_steps: int,
    *,
    update_every: int = 100,
    until: float = 0.75,
    fraction: float = 0.3,
    **options: Any,
) -> Sparsifier:
    schedule = Schedule(total_steps, update_every, until, fraction)
    return Sparsifier(model, rule, sparsity=sparsity, schedule=schedule, **options)


def static(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, **options: Any) -> Sparsifier:
    """Train random links that stay. Further arguments as `srigl`, without gamma_sal."""
    return _made(model, Static(), sparsity, total_steps, **options)


def set(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, **options: Any) -> Sparsifier:
    """Train by SET: the smallest links go, random ones come. Further arguments as `srigl`, without gamma_sal."""
    return _made(model, SET(), sparsity, total_steps, **options)


def rigl(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, **options: Any) -> Sparsifier:
    """Train by RigL: the smallest links go, those of largest gradient come. Further arguments as `srigl`, without gamma_sal."""
    return _made(model, RigL(), sparsity, total_steps, **options)


def srigl(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, gamma_sal: float = 0.3, **options: Any) -> Sparsifier:
    """Train by SRigL: every neuron has as many links, and neurons without salient ones lose theirs.

    Parameters
    ----------
    model : nn.Module
        Becomes sparse in place.
    sparsity : float in [0, 1)
    total_steps : int
        Optimizer steps of the whole training.
    gamma_sal : float
        A neuron with fewer salient links than this share of the fan-in is ablated: 0.3 for CNNs, 0.95 for transformers.
    update_every : int
        Steps between two changes of links; 100.
    until : float
        Share of the training after which links stay; 0.75.
    fraction : float
        Share of the links that are replaced at first; 0.3.
    distribution, exclude, dense, no_ablation, fan_in, accumulate, seed, trained
        As `Sparsifier`.

    Returns
    -------
    Sparsifier

    Raises
    ------
    ValueError
        On settings out of range, a model without eligible layers, or a sparsity that leaves a layer without links.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024.

    Examples
    --------
    >>> import torch
    >>> model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
    >>> sparsifier = srigl(model, sparsity=0.8, total_steps=400, update_every=20)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> sparsifier.attach(optimizer)
    >>> model(torch.randn(8, 20)).square().mean().backward()
    >>> optimizer.step()
    >>> sparsifier.step()
    False
    """
    return _made(model, SRigL(gamma_sal), sparsity, total_steps, **options)


def srigl_no_ablation(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, **options: Any) -> Sparsifier:
    """Train by SRigL with all neurons kept. Further arguments as `srigl`, without gamma_sal."""
    return _made(model, SRigLNoAblation(), sparsity, total_steps, **options)


def gmp(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any) -> Sparsifier:
    """Train dense and prune by magnitude along a cubic, which ends with the last update. Further arguments as `srigl`."""
    schedule = Schedule(total_steps, update_every, options.get("until", 0.75))
    last = (schedule.end - 1) // update_every * update_every
    if last < 1:
        raise ValueError(f"update_every={update_every} leaves no update before step {schedule.end}; give a smaller one")
    return _made(model, GMP(end=last), sparsity, total_steps, update_every=update_every, **options)


def n_of_m(model: nn.Module, n: int = 2, m: int = 4, *, total_steps: int, **options: Any) -> Sparsifier:
    """Train with n links in every group of m inputs. Layers with inputs that m does not divide are to be excluded.

    Further arguments as `srigl`, without sparsity and gamma_sal.
    """
    return _made(model, NOfM(n, m), 1 - n / m, total_steps, **{"distribution": "uniform", **options})


TOPOLOGIES: dict[str, Callable[..., Sparsifier]] = {
    "static": static,
    "set": set,
    "rigl": rigl,
    "srigl": srigl,
    "srigl_no_ablation": srigl_no_ablation,
    "gmp": gmp,
    "n_of_m": n_of_m,
}
