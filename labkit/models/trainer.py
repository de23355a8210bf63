"""`train`: training of reference models, with selection on validation and a single test."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from labkit import data
from labkit.models.card import WEIGHTS, Card, save_weights, write_card
from labkit.models.recipe import Recipe
from labkit.seeds import checked_seed
from labkit.training import Batches, Callback, KeepBest, checkpoint, fit, predict, warmup_cosine


class Clock(Callback):
    """Measure the seconds spent training, including those before an interruption."""

    def __init__(self) -> None:
        self.before, self.since = 0.0, time.monotonic()

    def started(self, loop: object) -> None:
        self.since = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.before + time.monotonic() - self.since

    def state_dict(self) -> dict:
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict) -> None:
        self.before = state["seconds"]


def train(
    recipe: Recipe,
    *,
    folder: str | os.PathLike = WEIGHTS,
    seed: int | None = None,
    epochs: int | None = None,
    progress: bool = True,
) -> tuple[nn.Module, Card]:
    """Train a reference model and write ``NAME.safetensors`` and ``NAME.json``.

    An interrupted run resumes from ``NAME.checkpoint.pt``, bit for bit; the file is removed at the end.

    Parameters
    ----------
    recipe : Recipe
        Architecture and training settings.
    folder : path
        Folder of weights, card and checkpoint; created if missing.
    seed, epochs : int, optional
        Override those of the recipe.
    progress : bool
        Show a progress bar.

    Returns
    -------
    model : nn.Module
        In eval mode, with the weights of the epoch with the best validation accuracy.
    card : Card
        Its model card.

    Raises
    ------
    ValueError
        If epochs is less than 1, or the checkpoint belongs to another run.
    """
    seed = recipe.seed if seed is None else checked_seed(seed)
    recipe = replace(recipe, seed=seed, epochs=recipe.epochs if epochs is None else epochs)
    if recipe.epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {recipe.epochs}")
    folder = Path(folder)
    dataset = data.load(recipe.data)
    path = folder / f"{recipe.name}.checkpoint.pt"
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = recipe.build()
        batches = batches_of(recipe, dataset.train)
        best, clock = KeepBest(dataset.validation, every=batches.per_epoch), Clock()
        fit_recipe(recipe, model, batches, [best, clock], path, progress)
    correct = int((predict(model, dataset.test).argmax(1) == dataset.test.labels).sum())
    card = Card(
        name=recipe.name,
        title=recipe.title,
        data=recipe.data,
        seed=recipe.seed,
        epochs=recipe.epochs,
        best_epoch=max(best.history, key=lambda pair: pair[1])[0] // batches.per_epoch,
        validation_accuracy=best.best,
        test_accuracy=correct / len(dataset.test),
        test_correct=correct,
        test_examples=len(dataset.test),
        minutes=round(clock.seconds / 60, 2),
        parameters=sum(p.numel() for p in model.parameters()),
        torch=torch.__version__.split("+")[0],
        sha256=save_weights(model, folder / f"{recipe.name}.safetensors"),
    )
    write_card(card, folder / f"{recipe.name}.json")
    checkpoint.remove(path)
    return model, card


def batches_of(recipe: Recipe, split: data.Split) -> Batches:
    """Make the batches of a recipe.

    Parameters
    ----------
    recipe : Recipe
        Training settings.
    split : Split
        Training data.

    Returns
    -------
    Batches
        The last `plain_epochs` epochs without augmentation.
    """
    inputs = torch.from_numpy(np.asarray(split.examples))
    stream = Batches(inputs, torch.from_numpy(split.labels), recipe.batch_size, seed=recipe.seed, augment=recipe.augment)
    stream.plain_from = (recipe.epochs - recipe.plain_epochs) * stream.per_epoch
    return stream


def fit_recipe(
    recipe: Recipe, model: nn.Module, batches: Batches, callbacks: list[Callback], path: Path | None, progress: bool
) -> None:
    """Train a model with the settings of a recipe.

    Parameters
    ----------
    recipe : Recipe
        Training settings.
    model : nn.Module
        Changed in place.
    batches : Batches
        As returned by `batches_of`.
    callbacks : list of Callback
        Called after each step.
    path : Path or None
        Checkpoint, from which training resumes if it exists.
    progress : bool
        Show a progress bar.
    """
    if recipe.channels_last:
        model.to(memory_format=torch.channels_last)
    steps = recipe.epochs * batches.per_epoch
    optimizer = recipe.optimizer(model)
    fit(
        model,
        batches,
        steps=steps,
        optimizer=optimizer,
        scheduler=warmup_cosine(optimizer, steps, recipe.warmup),
        loss=nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing),
        clip_norm=recipe.clip_norm,
        callbacks=callbacks,
        checkpoint=path,
        progress=progress,
        title=recipe.name,
    )
    model.to(memory_format=torch.contiguous_format)
