"""`make_sparse`, which applies any rule by name, and one function per rule that comes with labkit."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

from labkit.sparsify.rule import get_rule
from labkit.sparsify.schedule import Schedule, sensible_interval
from labkit.sparsify.sparsifier import Sparsifier


def make_sparse(
    model: nn.Module,
    rule: str,
    *,
    total_steps: int,
    accumulate: int = 1,
    seed: int = 0,
    trained: bool = False,
    storage: Literal["masked", "condensed"] = "masked",
    **params: Any,
) -> Sparsifier:
    """Prepare a network for sparse training by a rule of `RULES`.

    Parameters
    ----------
    model : nn.Module
        Becomes sparse in place.
    rule : str
        A name in `RULES`.
    total_steps : int
        Optimizer steps of the whole training.
    accumulate, seed, trained, storage
        As `Sparsifier`.
    **params
        Parameters of the rule, see ``get_rule(rule).params``. Where `update_every` is not given, it is `sensible_interval`.

    Returns
    -------
    Sparsifier

    Raises
    ------
    ValueError
        For an unknown rule or parameter, a value out of range, a model without eligible layers, or a sparsity that leaves a layer
        without connections.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
    >>> sparsifier = make_sparse(model, "n_of_m", total_steps=400, n=1, m=4)
    >>> sparsifier.report()["sparsity"].tolist()
    [0.75, 0.75]
    """
    entry = get_rule(rule)
    chosen = entry.settings(params)
    sparsity = chosen["sparsity"] if "sparsity" in chosen else entry.sparsity(params)
    until, every = chosen.get("until", 0.75), chosen.get("update_every")
    if every is None:
        every = sensible_interval(total_steps, until)
    options = {name: chosen[name] for name in ("distribution", "exclude", "dense", "no_ablation", "fan_in") if name in chosen}
    if "distribution" in entry.leaves_out:
        options["distribution"] = "uniform"
    return Sparsifier(
        model,
        entry.make(**{name: chosen[name] for name in entry.own}),
        sparsity=sparsity,
        schedule=Schedule(total_steps, every, until, chosen.get("fraction", 0.3)),
        accumulate=accumulate,
        seed=seed,
        trained=trained,
        storage=storage,
        **options,
    )


def static(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any) -> Sparsifier:
    """Train random connections that stay.

    Parameters
    ----------
    model, sparsity, total_steps, update_every, **options
        As `srigl`, without gamma_sal.

    Returns
    -------
    Sparsifier
    """
    return make_sparse(model, "static", total_steps=total_steps, sparsity=sparsity, update_every=update_every, **options)


def set_evolution(
    model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any
) -> Sparsifier:
    """Train by SET (sparse evolutionary training): the smallest weights are dropped, random connections are added.

    Parameters
    ----------
    model, sparsity, total_steps, update_every, **options
        As `srigl`, without gamma_sal.

    Returns
    -------
    Sparsifier
    """
    return make_sparse(model, "set", total_steps=total_steps, sparsity=sparsity, update_every=update_every, **options)


def rigl(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any) -> Sparsifier:
    """Train by RigL: the smallest weights are dropped, connections of largest gradient are added.

    Parameters
    ----------
    model, sparsity, total_steps, update_every, **options
        As `srigl`, without gamma_sal.

    Returns
    -------
    Sparsifier
    """
    return make_sparse(model, "rigl", total_steps=total_steps, sparsity=sparsity, update_every=update_every, **options)


def srigl(
    model: nn.Module,
    sparsity: float = 0.9,
    *,
    total_steps: int,
    gamma_sal: float = 0.3,
    update_every: int = 100,
    **options: Any,
) -> Sparsifier:
    """Train by SRigL: fixed fan-in, and neurons without salient connections are ablated.

    Parameters
    ----------
    model : nn.Module
        Becomes sparse in place.
    sparsity : float in [0, 1)
        Fraction of zeros over all sparse layers together.
    total_steps : int
        Optimizer steps of the whole training.
    gamma_sal : float
        A neuron with fewer salient connections than this fraction of the fan-in is ablated: 0.3 for CNNs, 0.95 for transformers.
    update_every : int
        Steps between two updates of the connections.
    **options
        Further parameters of the rule (until, fraction, distribution, exclude, dense, no_ablation, fan_in) and of `make_sparse`
        (accumulate, seed, trained, storage).

    Returns
    -------
    Sparsifier

    Raises
    ------
    ValueError
        On settings out of range, a model without eligible layers, or a sparsity that leaves a layer without connections.

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
    own: dict[str, Any] = {"sparsity": sparsity, "gamma_sal": gamma_sal, "update_every": update_every}
    return make_sparse(model, "srigl", total_steps=total_steps, **own, **options)


def srigl_no_ablation(
    model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any
) -> Sparsifier:
    """Train by SRigL with all neurons kept.

    Parameters
    ----------
    model, sparsity, total_steps, update_every, **options
        As `srigl`, without gamma_sal.

    Returns
    -------
    Sparsifier
    """
    given: dict[str, Any] = {"sparsity": sparsity, "update_every": update_every}
    return make_sparse(model, "srigl_no_ablation", total_steps=total_steps, **given, **options)


def gmp(model: nn.Module, sparsity: float = 0.9, *, total_steps: int, update_every: int = 100, **options: Any) -> Sparsifier:
    """Train dense and prune by magnitude along a cubic schedule, which ends with the last update.

    Parameters
    ----------
    model, sparsity, total_steps, update_every, **options
        As `srigl`, without gamma_sal.

    Returns
    -------
    Sparsifier
    """
    return make_sparse(model, "gmp", total_steps=total_steps, sparsity=sparsity, update_every=update_every, **options)


def n_of_m(model: nn.Module, n: int = 2, m: int = 4, *, total_steps: int, update_every: int = 100, **options: Any) -> Sparsifier:
    """Train with n connections in every group of m inputs.

    Parameters
    ----------
    model : nn.Module
        Becomes sparse in place. Exclude layers whose number of inputs m does not divide.
    n, m : int
        1 <= n < m.
    total_steps, update_every, **options
        As `srigl`, without sparsity, gamma_sal, distribution, dense and fan_in.

    Returns
    -------
    Sparsifier
    """
    return make_sparse(model, "n_of_m", total_steps=total_steps, n=n, m=m, update_every=update_every, **options)
