"""`train_sparse`: a reference network trained sparse from scratch, by its own recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from labkit import data, sparsify
from labkit.cost import macs_by_module
from labkit.models.recipe import Recipe
from labkit.models.trainer import Clock, batches_of, fit_recipe
from labkit.seeds import checked_seed
from labkit.training import Callback, Curve, checkpoint


@dataclass(frozen=True, eq=False)
class SparseTraining:
    """A network trained sparse, and the course of its training.

    Attributes
    ----------
    model : nn.Module
        In eval mode, with the last weights, zero where there is no connection.
    sparse : tuple of str
        Paths of the layers that are sparse.
    fixed_fan_in : bool
        Whether all active neurons of a layer have the same number of connections.
    curve : DataFrame
        step, loss, validation_accuracy (on the first 2,000 examples of the validation part).
    layers : DataFrame or None
        step, layer, active, nonzeros, fan_in, explored; after each update of the connections. None for a dense training.
    masks : DataFrame or None
        The masks of one layer over time, see `labkit.sparsify.MaskFilm`.
    flops : TrainingFlops
        For one example of each batch.
    seconds : float
    """

    model: nn.Module
    sparse: tuple[str, ...]
    fixed_fan_in: bool
    curve: pd.DataFrame
    layers: pd.DataFrame | None
    masks: pd.DataFrame | None
    flops: sparsify.TrainingFlops
    seconds: float


def train_sparse(
    recipe: Recipe,
    rule: str,
    *,
    sparsity: float | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    watch: str | None = None,
    path: str | os.PathLike | None = None,
    progress: bool = True,
    **options: Any,
) -> SparseTraining:
    """Train the network of `recipe` from scratch by a rule of sparse training.

    Nothing is selected on the validation part: the result has the last weights.

    Parameters
    ----------
    recipe : Recipe
        Optimizer, batch size, schedule and augmentation are its own.
    rule : str
        A name in `labkit.sparsify.RULES`, or "dense" for the same training without zeros.
    sparsity : float, optional
        Of the rule, by default its own; some rules have other parameters instead.
    epochs, seed : int, optional
        Instead of the recipe's.
    watch : str, optional
        Name of the weight whose masks are recorded; by default the largest.
    path : path, optional
        Checkpoint from which an interrupted training resumes, bit for bit; removed at the end.
    progress : bool
        Show a progress bar.
    **options
        Further parameters of the rule, and arguments of `labkit.sparsify.make_sparse`.

    Returns
    -------
    SparseTraining

    Raises
    ------
    ValueError
        For an unknown rule, or parameters that it does not take.
    """
    entry = sparsify.rule_or_dense(rule)
    seed = recipe.seed if seed is None else checked_seed(seed)
    recipe = replace(recipe, seed=seed, epochs=recipe.epochs if epochs is None else epochs)
    if recipe.epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {recipe.epochs}")
    if sparsity is not None:
        options["sparsity"] = sparsity
    if entry is None and options:
        raise ValueError(f"a dense training has no setting {next(iter(options))}; leave it out")
    dataset = data.load(recipe.data)
    batches = batches_of(recipe, dataset.train)
    steps = recipe.epochs * batches.per_epoch
    curve, clock = Curve(dataset.validation), Clock()
    callbacks: list[Callback] = [curve, clock]
    sparsifier = None
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = recipe.build()
        if entry is not None:
            sparsifier = sparsify.make_sparse(model, entry.name, total_steps=steps, **{"seed": recipe.seed, **options})
            film = sparsify.MaskFilm(sparsifier, watch or max(sparsifier.masks, key=lambda name: sparsifier.masks[name].numel()))
            history = sparsify.SparsifierCallback(sparsifier)
            callbacks = [history, film, *callbacks]
        fit_recipe(recipe, model, batches, callbacks, None if path is None else Path(path), progress)
    if sparsifier is not None:
        sparsifier.detach()
    if path is not None:
        checkpoint.remove(path)
    return SparseTraining(
        model=model,
        sparse=() if sparsifier is None else tuple(name.rpartition(".")[0] for name in sparsifier.masks),
        fixed_fan_in=sparsifier is not None and sparsifier.rule.fixed_fan_in,
        curve=curve.table,
        layers=None if sparsifier is None else pd.DataFrame(history.history),
        masks=None if sparsifier is None else film.table,
        flops=_flops(recipe, steps, sparsifier, [] if sparsifier is None else history.history),
        seconds=clock.seconds,
    )


def _flops(
    recipe: Recipe, steps: int, sparsifier: sparsify.Sparsifier | None, history: list[dict[str, Any]]
) -> sparsify.TrainingFlops:
    """FLOPs for one example of each batch, from the counts of the dense network: condensed layers count their fan-in already."""
    with torch.random.fork_rng():
        dense = recipe.build()
    found = macs_by_module(dense, torch.zeros(1, *recipe.shape))
    if sparsifier is None:
        whole = 2.0 * found[""]
        return sparsify.TrainingFlops(whole, 3 * whole * steps, whole, 3 * whole * steps)
    masks = sparsifier.masks
    macs = {name: found[name.rpartition(".")[0]] for name in masks}
    sizes = {name: mask.numel() for name, mask in masks.items()}
    return sparsify.training_flops(history, macs, sizes, whole=found[""], rule=sparsifier.rule, schedule=sparsifier.schedule)
