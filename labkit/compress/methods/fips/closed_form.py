"""The closed form of FiPS: for each group of feed-forward blocks, a base and sparse factors that minimise the error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from labkit.compress.inputs import Inputs
from labkit.compress.methods.fips.budget import BudgetKind, rank_for, size_of
from labkit.compress.methods.fips.factors import Factors, Target, shared_factors
from labkit.compress.methods.fips.fit import LearningLayer
from labkit.compress.mlps import MLP
from labkit.compress.moments import Moments, moments_by_group
from labkit.compress.pointwise import sides, spatial_of
from labkit.layers.shared_basis import Storage

FAR = 100.0  # standard deviations


@dataclass(frozen=True)
class Plan:
    """What the factors of every group must satisfy.

    Parameters
    ----------
    budget : float
    kind : {"parameters", "bytes"}
        What the budget counts.
    rank : int or None
        Instead of what the budget allows.
    sparsity : float
    storage : {"bitmask", "fixed_fan_in"}
    generator : torch.Generator
    thins_out : bool
        Whether the fit begins with twice the nonzeros and prunes; one or two steps leave no time for that.
    """

    budget: float
    kind: BudgetKind
    rank: int | None
    sparsity: float
    storage: Storage
    generator: torch.Generator
    thins_out: bool

    @property
    def fixed(self) -> bool:
        """Whether every hidden unit has the same number of nonzeros, which therefore stay where they are."""
        return self.storage == "fixed_fan_in"

    @property
    def prunes(self) -> bool:
        """Whether the fit prunes."""
        return self.thins_out and not self.fixed

    @property
    def density(self) -> float:
        """Fraction of nonzeros in the closed form."""
        return min(1.0, (2 if self.prunes else 1) * (1 - self.sparsity))


def closed_forms(
    model: nn.Module,
    groups: Sequence[Sequence[MLP]],
    plan: Plan,
    inputs: Inputs | None,
    tell: Callable[[float, str], None],
) -> tuple[dict[str, LearningLayer], dict[str, Any]]:
    """Solve every group.

    Parameters
    ----------
    model : nn.Module
    groups : sequence of sequences of MLP
        Blocks that share a base.
    plan : Plan
    inputs : Tensor or dict of Tensors, optional
        Calibration inputs, for the output error instead of that of the weights.
    tell : callable (share, sentence)

    Returns
    -------
    layers : dict of str to LearningLayer
        By path.
    report : dict
        ``ranks``, ``groups`` (names of the blocks) and the size in what the budget counts.
    """
    report: dict[str, Any] = {"ranks": [], "groups": [[mlp.name for mlp in group] for group in groups], plan.kind: 0}
    layers: dict[str, LearningLayer] = {}
    for turn, (group, moments) in enumerate(zip(groups, _moments(model, groups, inputs), strict=True)):
        tell(turn / len(groups), "closed form")
        made, columns, size = _closed_form(model, group, plan, moments)
        layers |= made
        report["ranks"].append(columns)
        report[plan.kind] += size
    return layers, report


def _moments(model: nn.Module, groups: Sequence[Sequence[MLP]], inputs: Inputs | None) -> Iterator[dict[str, Moments] | None]:
    """Moments of the inputs of each group's layers, None without calibration inputs."""
    if inputs is None:
        return repeat(None, len(groups))
    return moments_by_group(model, [[path for mlp in group for path in mlp.paths] for group in groups], inputs)


def _closed_form(
    model: nn.Module, group: Sequence[MLP], plan: Plan, moments: dict[str, Moments] | None
) -> tuple[dict[str, LearningLayer], int, int]:
    """The layers of a group, the rank of its base, and its size in what the budget counts."""
    width, paths = group[0].width, [path for mlp in group for path in mlp.paths]
    matrices = {path: _oriented(model.get_submodule(path), width) for path in paths}
    hidden = [matrix.shape[1] for matrix in matrices.values()]
    rank = plan.rank or rank_for(width, hidden, plan.budget, plan.sparsity, kind=plan.kind, storage=plan.storage)
    targets, means = _targets(model, matrices, moments)
    found = shared_factors(list(targets.values()), rank, plan.density, generator=plan.generator, by_unit=plan.fixed)
    size = size_of(width, hidden, rank, plan.sparsity, plan.kind, plan.storage, 4)
    return _learning(model, targets, found, means), rank, size


def _oriented(layer: Any, width: int) -> Tensor:
    """The weight with its short side, the width of the network, first: [d, p]."""
    weight = layer.weight.detach().flatten(1)
    return weight if weight.shape[0] == width else weight.t()


def _targets(
    model: nn.Module, matrices: dict[str, Tensor], moments: dict[str, Moments] | None
) -> tuple[dict[str, Target], dict[str, Tensor]]:
    """What to approximate, and the mean input of each layer that had inputs."""
    if moments is None:
        return {path: Target(matrix) for path, matrix in matrices.items()}, {}
    targets = {}
    for path, matrix in matrices.items():
        targets[path] = target = _aware(matrix, moments[path], model.get_submodule(path))
        # each layer's error relative to its output
        size = float((matrix * target.weighted(matrix)).sum())
        target.weight = 1 / size if size > 1e-30 else 1.0
    return targets, {path: found.mean for path, found in moments.items() if found.count}


def _aware(matrix: Tensor, moments: Moments, layer: Any) -> Target:
    """The error of a layer's output; that of its weight where inputs are missing, or all alike and the bias corrects the mean."""
    if layer.bias is not None:
        if not moments.varies:
            return Target(matrix)
        square = moments.covariance
    elif moments.known:
        square = _about_zero(moments)
    else:
        return Target(matrix)
    # errors are relative: a power of two keeps float32 in its range and rounds nothing
    square = (square * 2.0 ** -round(math.log2(float(square.diagonal().mean())))).float()
    return Target(matrix, left=square) if sides(layer)[1] != len(matrix) else Target(matrix, right=square)


def _about_zero(moments: Moments) -> Tensor:
    """Second moments for a layer without a bias, in which an error of the mean output remains.

    Conjugate gradients in float32 bear a mean of up to about a hundred standard deviations; a larger one counts as that much.
    """
    spread, mean = moments.covariance, moments.mean
    size, outer = float(mean.square().sum()), torch.outer(mean, mean)
    if not moments.varies:
        return outer + FAR**-2 * size / len(mean) * torch.eye(len(mean), dtype=mean.dtype)
    return spread + min(1.0, FAR**2 * float(spread.diagonal().sum()) / max(size, 1e-300)) * outer


def _learning(model: nn.Module, targets: dict[str, Target], found: Factors, means: dict[str, Tensor]) -> dict[str, LearningLayer]:
    """Layers that hold the factors; biases compensate the change of the mean output."""
    base, layers = nn.Parameter(found.base), {}
    for (path, target), factor in zip(targets.items(), found.factors, strict=True):
        layer: Any = model.get_submodule(path)
        widens, bias = sides(layer)[1] != len(target.matrix), layer.bias
        if path in means and bias is not None:
            gap = target.matrix.double() - found.base.double() @ factor.double()
            bias = bias.detach() + (means[path] @ gap if widens else gap @ means[path]).to(bias.dtype)
        layers[path] = LearningLayer(base, factor, bias, widens, spatial_of(layer))
    return layers
