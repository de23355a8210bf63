"""SRigL: sparse training with a fixed fan-in, from scratch or from the trained network, exported in condensed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from labkit import sparsify
from labkit.compress.method import Method, register
from labkit.compress.methods.condense import condense
from labkit.compress.select import check_float32
from labkit.data import Dataset
from labkit.layers import add_notes, copied
from labkit.layers.closed import closed_layers
from labkit.layers.plain import how_computed, is_computed
from labkit.layers.sentences import stays_dense
from labkit.registry import Choice, Param
from labkit.training import Batches, decay_matrices_only, fit, warmup_cosine
from labkit.untouched import leaves_untouched

BATCH = 64
RULE = sparsify.get_rule("srigl")


@leaves_untouched
def srigl(
    model: nn.Module,
    dataset: Dataset,
    *,
    sparsity: float = 0.9,
    gamma_sal: float = 0.3,
    epochs: int = 2,
    start: str = "trained",
    learning_rate: float = 2e-3,
    distribution: str = "uniform",
    exclude: tuple[str, ...] = (),
    seed: int = 0,
    progress: bool = False,
) -> tuple[nn.Module, sparsify.SparsifierCallback]:
    """Train `model` by SRigL and return its condensed form.

    AdamW with a cosine learning rate, weight decay 0.05 on matrices, batches of 64.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    dataset : Dataset
        Trained on its training part.
    sparsity, gamma_sal
        As `labkit.sparsify.srigl`.
    epochs : int
    start : {"trained", "scratch"}
        Start from the largest weights of the network, or from random ones.
    learning_rate : float
        Maximum of the schedule.
    distribution, exclude
        As `labkit.sparsify.srigl`.
    seed : int
    progress : bool
        Show a progress bar.

    Returns
    -------
    nn.Module
        In eval mode, equal to the masked network.
    SparsifierCallback
        Its `history` has fan-in, active neurons and explored entries of each layer over time.

    Raises
    ------
    ValueError
        For another start, or parameters out of range.
    TypeError
        For weights that are not float32 on the processor.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024.
    """
    if start not in ("trained", "scratch"):
        raise ValueError(f"start must be 'trained' or 'scratch', got {start!r}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    check_float32(model, "srigl")
    split = dataset.train
    batches = Batches(torch.from_numpy(np.asarray(split.examples)), torch.from_numpy(split.labels), BATCH, seed=seed)
    steps = epochs * batches.per_epoch
    learner = copied(model).requires_grad_(True)  # frozen layers of the input are trained too, and are frozen again afterwards
    dense = _staying_dense(learner)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if start == "scratch":
            _forget(learner)
        sparsifier = sparsify.srigl(
            learner,
            sparsity=sparsity,
            total_steps=steps,
            gamma_sal=gamma_sal,
            update_every=sparsify.sensible_interval(steps),
            distribution=distribution,
            exclude=(*exclude, *dense),
            seed=seed,
            trained=start == "trained",
        )
        callback = sparsify.SparsifierCallback(sparsifier)
        optimizer = torch.optim.AdamW(decay_matrices_only(learner, 0.05), lr=learning_rate)
        schedule = warmup_cosine(optimizer, steps, 0.1)
        fit(
            learner,
            batches,
            steps=steps,
            optimizer=optimizer,
            scheduler=schedule,
            clip_norm=1.0,
            callbacks=[callback],
            progress=progress,
            title="srigl",
        )
    sparsifier.detach()
    layers = [name.rpartition(".")[0] for name in sparsifier.masks]
    small = condense(learner.eval(), layers=lambda path, layer: path in layers)
    _freeze_like(small, model)
    return add_notes(small, *stays_dense(dense)), callback


def _staying_dense(model: nn.Module) -> dict[str, str]:
    """Layers that have no condensed form: without it their zeros would save nothing."""
    found = closed_layers(model, (nn.Linear, nn.Conv2d))
    for path, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)) and is_computed(module):
            found.setdefault(path, f"its weight is computed by {how_computed(module)}")
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            found[f"{path}.in_proj_weight" if path else "in_proj_weight"] = "nn.MultiheadAttention has no condensed form"
    return found


def _freeze_like(small: nn.Module, model: nn.Module) -> None:
    """Freeze the parameters that were frozen in the original."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for name, parameter in small.named_parameters():
        if name in frozen and parameter.requires_grad:
            parameter.requires_grad_(False)


def _forget(model: nn.Module) -> None:
    """Reset the parameters of every layer that has `reset_parameters`."""
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return srigl(model, data, seed=seed, **settings)[0]


register(
    Method(
        name="srigl",
        title="SRigL (dynamic sparse training)",
        paper=RULE.paper,
        apply=_apply,
        params={
            **{name: RULE.params[name] for name in RULE.headline},
            "epochs": Param(1, 100, default=2, step=1, help="passes over the training data"),
            "start": Choice(
                ("trained", "scratch"),
                "trained",
                help="start from the largest weights of the network, or from random ones",
                titles={"trained": "the trained network", "scratch": "random weights"},
            ),
        },
        needs="training",
        live=False,
        help="Trains with few connections, the same number for every neuron, and moves them while it learns.",
    )
)
