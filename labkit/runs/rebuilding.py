"""`rebuild`: make the network of a run again of which only the figures were kept, and compare it with what was stored."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from labkit.audit import model_sha
from labkit.compress import METHODS
from labkit.layers import copied
from labkit.runs.failures import in_words
from labkit.runs.identity import TRAINED
from labkit.runs.sources import data_of, reopen
from labkit.runs.stored_audit import read_audit
from labkit.training import predict

if TYPE_CHECKING:
    from labkit.data import Dataset
    from labkit.runs.run import Run

LEAST = 0.99  # of the stored predictions that a network with other bytes has to give too
APART = 0.01  # mean difference of probabilities up to which it counts as the same; stored ones may be in steps of 1/256


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A network that was made again.

    Attributes
    ----------
    model : nn.Module
        In eval mode.
    exact : bool
        Whether its fingerprint is the stored one: every byte is the same.
    agreement : float
        Fraction of the stored predictions that it gives too; 1 where it is exact.
    note : str
        One sentence about how far it is the stored network.
    """

    model: nn.Module
    exact: bool
    agreement: float
    note: str


def rebuild(run: Run, *, base: nn.Module | None = None, dataset: Dataset | None = None) -> Rebuilt:
    """Make the compressed network of a run again from method, parameters, network and seed.

    Its fingerprint is compared with the stored one. Where the bytes differ, as rounding does between processors, its predictions on
    the test part are compared with the stored ones.

    Parameters
    ----------
    run : Run
    base : nn.Module, optional
        The network that was compressed; by default it is opened from where the run says it came from.
    dataset : Dataset, optional
        Its data, likewise.

    Returns
    -------
    Rebuilt

    Raises
    ------
    ValueError
        For a damaged run, a run that was trained, a method that is not there in the run's version, a network or data that cannot be
        opened or are not those of the run any more, and where the predictions are others.
    """
    why = cannot_rebuild(run)
    if why:
        raise ValueError(why)
    if base is None:
        base, opened = reopen(run)
        dataset = opened if dataset is None else dataset
    if model_sha(base) != run.model_sha:
        raise ValueError(
            f"run {run.id} was made of a network with fingerprint {run.model_sha}, and the given one has {model_sha(base)}; "
            "give the network it was compressed from"
        )
    dataset = data_of(run) if dataset is None else dataset
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run's notes have them
        with in_words(f"making run {run.id} again"):
            model = METHODS[run.method](base, data=dataset, seed=run.seed, **run.parameters)
    return _compared(run, model, dataset)


def cannot_rebuild(run: Run) -> str:
    """Say why a run's network cannot be made again, without opening anything.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
        One sentence; empty where it can be tried.
    """
    if run.damaged:
        return f"run {run.id} is damaged: {run.damaged}"
    if run.method.startswith(TRAINED):
        return (
            f"run {run.id} was trained from scratch and stored without weights, and training it again gives other weights; "
            "train it again and keep the weights"
        )
    method = METHODS.get(run.method)
    if method is None:
        return f"run {run.id} has no weights, and no method {run.method} is registered; load its file with --plugin or load_plugin"
    if method.version != run.version:
        return (
            f"run {run.id} has no weights, and was made by version {run.version} of {run.method}, which is now version "
            f"{method.version}; compress the network again"
        )
    return ""


def _compared(run: Run, model: nn.Module, dataset: Dataset) -> Rebuilt:
    """Compare fingerprints, and predictions where these differ."""
    stored = read_audit(run.folder)
    if model_sha(model) == stored.model_sha:
        return Rebuilt(model, True, 1.0, "made again from method, parameters, network and seed; its fingerprint is the stored one")
    logits = predict(copied(model), dataset.test)
    given = logits.argmax(1) if stored.task == "classification" else None
    if given is None or len(given) != len(stored.predictions):
        raise ValueError(
            f"run {run.id} was made again with another fingerprint, and its predictions cannot be compared; make it anew"
        )
    agreement = float(np.mean(given == stored.predictions["predicted"].to_numpy()))
    probabilities = torch.softmax(torch.from_numpy(logits).float(), 1).numpy()
    apart = float(np.abs(probabilities - np.stack(stored.predictions["probabilities"].to_numpy())).mean())
    if agreement < LEAST or apart > APART:
        raise ValueError(
            f"run {run.id} was made again with another fingerprint, and with other outputs: {agreement:.2%} of its "
            f"predictions are the stored ones, and probabilities differ by {apart:.3f} on average; compress the network again "
            "and keep the weights"
        )
    note = (
        f"made again on this machine with other rounding than the stored network: {agreement:.2%} of the predictions on "
        f"{len(given):,} examples are the stored ones"
    )
    return Rebuilt(model, False, agreement, note)
