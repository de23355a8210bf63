"""Fitting shared bases and sparse factors by gradients: all blocks at once on the original's activations, or the whole network."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.compress.inputs import Inputs, called, length_of, rows_of, without_padding
from labkit.compress.mlps import MLP
from labkit.layers import copied, replace_layer
from labkit.layers.shared_basis_conv import over_channels
from labkit.sparsify import Schedule, cubic_sparsity
from labkit.sparsify.masked import MaskedLayer
from labkit.training import Batches, Callback, Loop, fit, logits_of, warmup_cosine

Masks = Literal["static", "gmp", "rigl"]
BATCH = 64


class LearningLayer(nn.Module):
    """A linear layer, or a convolution of one place, with trainable base and dense factor V [r, p].

    Parameters
    ----------
    base : nn.Parameter, [d, r]
        Shared with other layers.
    factor : Tensor, [r, p]
    bias : Tensor, optional
    widens : bool
        Whether it maps d -> p; else p -> d.
    spatial : int
        Axes behind that of the channels: 0 for a linear layer.
    """

    def __init__(self, base: nn.Parameter, factor: Tensor, bias: Tensor | None, widens: bool, spatial: int = 0) -> None:
        super().__init__()
        self.base, self.widens, self.spatial = base, widens, spatial
        self.factor = nn.Parameter(factor.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        return over_channels(self._linear, x, self.spatial)

    def _linear(self, x: Tensor) -> Tensor:
        if self.widens:
            return F.linear(x @ self.base, self.factor.t(), self.bias)
        return F.linear(F.linear(x, self.factor), self.base, self.bias)


class GlobalMasks(Callback):
    """Choose the nonzeros of all factors together while they are trained.

    Parameters
    ----------
    layers : mapping of name to LearningLayer
        Zero entries of their factors are masked.
    nonzeros : int
        Of all factors together, at the end.
    how : {"static", "gmp", "rigl"}
        "gmp" prunes along a cubic schedule that ends exactly with the last change; "rigl" replaces a tenth at first by those of
        largest gradient.
    schedule : Schedule
    """

    def __init__(self, layers: dict[str, LearningLayer], nonzeros: int, how: Masks, schedule: Schedule) -> None:
        self.nonzeros, self.how, self.schedule = nonzeros, how, schedule
        self.parts = [MaskedLayer(name, layer.factor, nonzeros, ablates=False) for name, layer in layers.items()]
        for part in self.parts:
            part.begin(part.weight.detach() != 0)
        self.places = sum(part.mask.numel() for part in self.parts)
        self.first = sum(int(part.mask.sum()) for part in self.parts)

    def started(self, loop: Loop) -> None:
        self._watch(loop.step)

    def stepped(self, loop: Loop) -> None:
        if self.schedule.updates_at(loop.step):
            if self.how == "gmp":
                self._gmp(loop)
            elif self.how == "rigl":
                self._rigl(loop)
        self._watch(loop.step)

    def _watch(self, step: int) -> None:
        for part in self.parts:
            part.collects = self.how == "rigl" and self.schedule.updates_at(step + 1)

    def _gmp(self, loop: Loop) -> None:
        last = (self.schedule.end - 1) // self.schedule.every * self.schedule.every
        begin, final = 1 - self.first / self.places, 1 - self.nonzeros / self.places
        left = 1 - cubic_sparsity(loop.step, begin=0, end=last, final=final, initial=begin)
        kept = self._largest([part.weight.detach().abs() * part.mask for part in self.parts], round(left * self.places))
        for part, mask in zip(self.parts, kept, strict=True):
            part.take(mask, loop.optimizer)

    def _rigl(self, loop: Loop) -> None:
        parts = [part for part in self.parts if part.gradient is not None]  # what no input reached keeps its places
        left = self.nonzeros - sum(int(part.mask.sum()) for part in self.parts if part.gradient is None)
        going = int(self.schedule.share(loop.step) * left)
        kept = self._largest([part.weight.detach().abs() * part.mask for part in parts], left - going)
        # removed entries may be chosen again; they then start at zero
        slopes = [torch.where(mask, 0.0, cast(Tensor, part.gradient).abs()) for part, mask in zip(parts, kept, strict=True)]
        new = self._largest(slopes, going)
        for part, mask, more in zip(parts, kept, new, strict=True):
            part.take(mask | more, loop.optimizer)

    def _largest(self, scores: list[Tensor], count: int) -> list[Tensor]:
        """Masks of the `count` places of largest score over all factors."""
        flat = torch.cat([score.flatten() for score in scores])
        kept = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
        kept[flat.topk(min(count, len(flat)), sorted=False).indices] = True
        return [part.view_as(score) for part, score in zip(kept.split([score.numel() for score in scores]), scores, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        return {"first": self.first, "parts": [part.state() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.first = state["first"]
        for part, kept in zip(self.parts, state["parts"], strict=True):
            part.load(kept, None)


class EarlyStop(Callback):
    """Stop a training whose running loss has not fallen by a thousandth for a tenth of the steps, once the nonzeros are fixed."""

    def __init__(self) -> None:
        self.best, self.since = float("inf"), 0

    def stepped(self, loop: Loop) -> None:
        if loop.loss < 0.999 * self.best:
            self.best, self.since = loop.loss, loop.step
        elif loop.step > 0.75 * loop.steps and loop.step - self.since > 0.1 * loop.steps:
            loop.stop()

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "since": self.since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.since = state["best"], state["since"]


class Blocks(nn.Module):
    """The error of each block of a student against its teacher, on rows of the calibration inputs.

    Every block gets the inputs of the teacher's block, so that all blocks are trained at once, independently of each other's
    errors. The loss of a block is its squared error over the variance of the output of the teacher's block.

    Parameters
    ----------
    teacher, student : nn.Module
    paths : sequence of str
        Of the blocks.
    inputs : Tensor or dict of Tensors
        Calibration inputs.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, paths: Sequence[str], inputs: Inputs) -> None:
        super().__init__()
        self.student, self.paths, self.inputs = student, list(paths), inputs
        self.teacher = [teacher]  # in a list: it is not trained, and is no part of the state

    def forward(self, rows: Tensor) -> Tensor:
        """Loss of each block that the inputs reach, [blocks]."""
        some = rows_of(self.inputs, rows)
        seen, losses = captured(self.teacher[0], self.paths, some), []
        for path in filter(seen.__contains__, self.paths):  # an expert may get none of these rows
            arguments, options, wanted = seen[path]
            losses.append(unexplained(tensor_of(self.student.get_submodule(path)(*arguments, **options)), tensor_of(wanted), some))
        if losses:
            return torch.stack(losses)
        return torch.stack([0 * part.sum() for part in self.student.parameters() if part.requires_grad or not self.paths])


class Outputs(nn.Module):
    """The error of the outputs of a student against its teacher, on rows of the calibration inputs.

    Parameters
    ----------
    teacher, student : nn.Module
    inputs : Tensor or dict of Tensors
        Calibration inputs.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.student, self.inputs, self.teacher = student, inputs, [teacher]

    def forward(self, rows: Tensor) -> Tensor:
        some = rows_of(self.inputs, rows)
        with torch.no_grad():
            wanted = tensor_of(called(self.teacher[0], some))
        got = tensor_of(called(self.student, some))
        if wanted.ndim == 2 and wanted.shape[1] > 1:  # classes: the divergence of the student's from the teacher's
            return F.kl_div(got.log_softmax(1), wanted.log_softmax(1), reduction="batchmean", log_target=True)
        return unexplained(got, wanted, some)


def unexplained(got: Tensor, wanted: Tensor, inputs: Inputs) -> Tensor:
    """Return the mean squared error over the variance of what is wanted, without padding."""
    got, wanted = without_padding(inputs, got, wanted)
    return F.mse_loss(got, wanted) / wanted.var().clamp(min=1e-12)


def captured(model: nn.Module, paths: Sequence[str], inputs: Inputs) -> dict[str, tuple[tuple, dict, Any]]:
    """Return path -> (arguments, keyword arguments, output) of each module in one forward pass, without gradients."""
    seen: dict[str, tuple[tuple, dict, Any]] = {}
    hooks = [
        model.get_submodule(path).register_forward_hook(
            lambda module, arguments, options, output, path=path: seen.__setitem__(path, (arguments, options, output)),
            with_kwargs=True,
        )
        for path in paths
    ]
    try:
        with torch.no_grad():
            called(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def reached(model: nn.Module, mlps: Sequence[MLP], inputs: Inputs) -> list[str]:
    """Return paths of the modules to fit: blocks, or their layers where a block is only a container; without what no input reaches.

    Parameters
    ----------
    model : nn.Module
    mlps : sequence of MLP
    inputs : Tensor or dict of Tensors

    Returns
    -------
    list of str
        In the order of the blocks.
    """
    seen: set[str] = set()
    hooks = [
        model.get_submodule(path).register_forward_pre_hook(lambda module, arguments, path=path: seen.add(path))
        for path in {path for mlp in mlps for path in (mlp.name, *mlp.paths)}
    ]
    try:
        with torch.no_grad():
            called(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [path for mlp in mlps for path in ([mlp.name] if mlp.name in seen else mlp.paths) if path in seen]


def tensor_of(output: Any) -> Tensor:
    """Return the logits in an output, or else its first tensor."""
    found = _first(output)
    if found is None:
        raise TypeError(f"the network returns {type(output).__name__} without a tensor; wrap it in a module that returns one")
    try:
        return logits_of(output)
    except TypeError:
        return found


def _first(output: Any) -> Tensor | None:
    """The first tensor of nested tuples, lists and mappings."""
    if isinstance(output, Tensor):
        return output
    if isinstance(getattr(output, "logits", None), Tensor):
        return output.logits
    values = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    return next((found for value in values if (found := _first(value)) is not None), None)


def learn(
    task: nn.Module,
    layers: dict[str, LearningLayer],
    *,
    steps: int,
    nonzeros: int,
    masks: Masks,
    learning_rate: float,
    examples: int,
    seed: int,
    checkpoint: str | os.PathLike | None,
    progress: bool,
    title: str,
    report: Callable[[float], None] | None = None,
) -> None:
    """Fit the layers (in place) by AdamW with a cosine learning rate; the task's output, summed, is the loss.

    Parameters
    ----------
    task : nn.Module
        `Blocks` or `Outputs`.
    layers : dict of str to LearningLayer
        Only their bases, factors and biases are trained.
    steps : int
    nonzeros : int
        Of all factors together, at the end.
    masks : {"static", "gmp", "rigl"}
    learning_rate : float
    examples : int
        Number of calibration inputs.
    seed : int
    checkpoint : path, optional
    progress : bool
    title : str
    report : callable (share), optional
    """
    for parameter in task.parameters():
        parameter.requires_grad_(False)
    parameters = list({id(p): p for layer in layers.values() for p in layer.parameters()}.values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)
    schedule = Schedule(steps, max(1, min(50, int(0.75 * steps) // 10)), 0.75, 0.1)
    chooser = GlobalMasks(layers, nonzeros, masks, schedule)
    callbacks: list[Callback] = [chooser, EarlyStop()]
    if report is not None:
        callbacks.append(_Report(report))
    rows = torch.arange(examples)
    fit(
        _Evaluating(task),
        Batches(rows, rows, BATCH, seed=seed),
        steps=steps,
        optimizer=optimizer,
        scheduler=warmup_cosine(optimizer, steps, 0.05),
        loss=lambda losses, _: losses.sum(),
        clip_norm=1.0,
        callbacks=callbacks,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        progress=progress,
        title=title,
    )
    for part in chooser.parts:
        part.detach()


class _Evaluating(nn.Module):
    """A task that stays in eval mode while the loop trains: no dropout, no running statistics of the student alone."""

    def __init__(self, task: nn.Module) -> None:
        super().__init__()
        self.task = task

    def train(self, mode: bool = True) -> _Evaluating:
        return super().train(False)

    def forward(self, rows: Tensor) -> Tensor:
        return self.task(rows)


class _Report(Callback):
    def __init__(self, report: Callable[[float], None]) -> None:
        self.report = report

    def stepped(self, loop: Loop) -> None:
        self.report(loop.step / loop.steps)


def student_of(model: nn.Module, layers: dict[str, LearningLayer]) -> nn.Module:
    """Return a copy of the model with the learning layers in their places."""
    student = copied(model).eval()
    for path, layer in layers.items():
        replace_layer(student, path, layer)
    return student


def errors(teacher: nn.Module, student: nn.Module, paths: Sequence[str], inputs: Inputs, count: int = 256) -> dict[str, float]:
    """Return the errors of a student on the first examples: per block on the teacher's activations, and from end to end.

    Parameters
    ----------
    teacher, student : nn.Module
    paths : sequence of str
        Of the blocks that inputs reach.
    inputs : Tensor or dict of Tensors
    count : int
        Examples.

    Returns
    -------
    dict
        "blocks": mean over blocks of squared error over variance; "outputs": the same of the network's output, where each
        block gets the output of the student's earlier blocks.
    """
    rows = torch.arange(min(count, length_of(inputs)))
    some = rows_of(inputs, rows)
    with torch.no_grad():
        each = Blocks(teacher, student, paths, inputs)(rows) if paths else torch.zeros(1)
        wanted, got = tensor_of(called(teacher, some)), tensor_of(called(student, some))
    hidden = wanted == -torch.inf  # logits of classes that the network masks
    wanted, got = wanted.masked_fill(hidden, 0.0), got.masked_fill(hidden, 0.0)
    found = {"blocks": float(each.mean()), "outputs": float(unexplained(got, wanted, some))}
    if not all(map(math.isfinite, found.values())):
        raise ValueError(
            "activations or outputs of the network are NaN, infinite or too large on the calibration inputs; "
            "scale the inputs as in training, or leave out those examples"
        )
    return found
