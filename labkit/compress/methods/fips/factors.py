"""Closed-form factors of a group of matrices: one dense basis for all of them, a sparse factor for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDS = 6  # of pruning, fitting the factors, fitting the basis
STEPS = 6  # of conjugate gradients in each


@dataclass
class Target:
    """A matrix [d, p] to approximate by U V, and the weights of its error.

    Parameters
    ----------
    matrix : Tensor [d, p]
        Oriented so that the short side, which all matrices of a group have in common, comes first.
    left : Tensor [d, d] or None
        Second moments of the inputs where the layer widens; the error of E is trace(E^T left E).
    right : Tensor [p, p] or None
        The same where it narrows; the error is trace(E right E^T).
    weight : float
        Of the error among those of the other targets.
    """

    matrix: Tensor
    left: Tensor | None = None
    right: Tensor | None = None
    weight: float = 1.0

    def weighted(self, error: Tensor) -> Tensor:
        """Return left @ error @ right, [d, p]: half the gradient of the error."""
        product = error if self.left is None else self.left @ error
        return self.weight * (product if self.right is None else product @ self.right)

    def error(self, base: Tensor, factor: Tensor) -> float:
        """Weighted squared error of U V."""
        gap = self.matrix - base @ factor
        return float((gap * self.weighted(gap)).sum())


@dataclass
class Factors:
    """U [d, r], and V [r, p] with its mask for every target."""

    base: Tensor
    factors: list[Tensor]
    masks: list[Tensor]


def shared_svd(targets: list[Target], rank: int, generator: torch.Generator) -> Factors:
    """Return the best dense factors for all targets together (Eckart & Young 1936, on the concatenated matrices).

    U comes from the eigenvectors of the Gram matrix [d, d], so that the matrices are never concatenated. Beyond rank d, where the
    error is zero, further columns are columns of the targets, and their rows of V are zero: U V does not change.
    """
    narrow = len(targets[0].matrix)
    gram = sum(_gram(target) for target in targets)
    vectors = torch.linalg.eigh(gram.double()).eigenvectors.flip(1).to(gram.dtype)  # type: ignore[union-attr]
    base = vectors[:, :rank]
    if rank > narrow:
        columns = torch.cat([target.matrix[:, _some(target.matrix, rank - narrow, generator)] for target in targets], dim=1)
        columns = columns[:, torch.randperm(columns.shape[1], generator=generator)[: rank - narrow]]
        base = torch.cat([base, columns / columns.norm(dim=0).clamp(min=1e-12)], dim=1)
    factors = [torch.zeros(rank, target.matrix.shape[1], dtype=gram.dtype) for target in targets]  # type: ignore[union-attr]
    for target, factor in zip(targets, factors, strict=True):
        factor[:narrow] = base[:, :narrow].t() @ target.matrix
    return Factors(base.contiguous(), factors, [torch.ones_like(factor, dtype=torch.bool) for factor in factors])


def _gram(target: Target) -> Tensor:
    """Weighted A A^T, seen from the side that is shared."""
    matrix = target.matrix if target.right is None else target.matrix @ target.right
    scale = 1.0 if target.left is None else float(target.left.diagonal().mean())
    return target.weight * scale * (matrix @ target.matrix.t())


def _some(matrix: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(matrix.shape[1], generator=generator)[:count]


def shared_factors(
    targets: list[Target],
    rank: int,
    density: float,
    *,
    generator: torch.Generator,
    by_unit: bool = False,
) -> Factors:
    """Return U and sparse V that approximate all targets, by alternating least squares while nonzeros become fewer.

    Parameters
    ----------
    targets : list of Target
        Of one d.
    rank : int
    density : float in (0, 1]
        Fraction of V that may be nonzero, over all targets together; the nonzeros of largest saliency remain.
    by_unit : bool
        The same number of nonzeros in every column of V, instead.

    Notes
    -----
    V with U fixed is a least-squares problem on its nonzeros, U with V fixed another; both are solved by a few conjugate-gradient
    steps from the previous solution, which never raise the error. Nonzeros are chosen by saliency: the decrease of the error from
    optimising one entry alone, w V^2 h with the curvature h, for entries that are nonzero and entries that are not.
    """
    found = shared_svd(targets, rank, generator)
    weighted = any(target.left is not None or target.right is not None for target in targets)
    if weighted:
        for _ in range(2):
            _fit_factors(targets, found)
            _fit_base(targets, found)
    if density < 1:
        for turn in range(1, ROUNDS + 1):
            kept = density + (1 - density) * (1 - turn / ROUNDS) ** 3  # cubic, as gradual magnitude pruning
            _choose_nonzeros(targets, found, kept, by_unit)
            _fit_factors(targets, found)
            _fit_base(targets, found)
    if weighted or density < 1:
        _fit_factors(targets, found)
    return found


def _choose_nonzeros(targets: list[Target], found: Factors, density: float, by_unit: bool) -> None:
    """Choose the nonzeros by saliency: the decrease of the error from optimising one entry; new ones start from that optimum."""
    values, gains = [], []
    for target, factor in zip(targets, found.factors, strict=True):
        slope = found.base.t() @ target.weighted(target.matrix - found.base @ factor)
        curvature = _curvature(target, found.base)
        best = factor + slope / curvature
        values.append(best)
        gains.append(best.square() * curvature)
    if by_unit:
        count = max(1, round(found.base.shape[1] * density))
        found.masks = [
            torch.zeros_like(gain, dtype=torch.bool).scatter_(0, gain.topk(count, dim=0).indices, True) for gain in gains
        ]
    else:
        flat = torch.cat([gain.flatten() for gain in gains])
        count = max(1, int(density * len(flat)))
        kept = torch.zeros(len(flat), dtype=torch.bool)
        kept[flat.topk(count, sorted=False).indices] = True
        parts = kept.split([gain.numel() for gain in gains])
        found.masks = [part.view_as(gain) for part, gain in zip(parts, gains, strict=True)]
    found.factors = [value * mask for value, mask in zip(values, found.masks, strict=True)]


def _curvature(target: Target, base: Tensor) -> Tensor:
    """Curvature of the error in each entry of V alone, [r, 1] or [r, p]."""
    left = base if target.left is None else target.left @ base
    curvature = target.weight * (base * left).sum(0)[:, None]
    if target.right is not None:
        curvature = curvature * target.right.diagonal()[None, :]
    return curvature.clamp(min=1e-12 * float(curvature.max()) + 1e-30)


def _fit_factors(targets: list[Target], found: Factors) -> None:
    """Solve for V of every target on its nonzeros, with U fixed."""
    for place, target in enumerate(targets):
        left = found.base if target.left is None else target.left @ found.base
        square, mask = target.weight * (found.base.t() @ left), found.masks[place]
        wanted = target.weight * (left.t() @ target.matrix)
        right = target.right

        def applied(factor: Tensor, square: Tensor = square, right: Tensor | None = right, mask: Tensor = mask) -> Tensor:
            product = square @ factor
            return (product if right is None else product @ right) * mask

        wanted = (wanted if right is None else wanted @ right) * mask
        # the columns are problems of their own where nothing couples them
        found.factors[place] = conjugate_gradients(
            applied, wanted, found.factors[place], diagonal=_curvature(target, found.base), by_column=right is None
        )


def _fit_base(targets: list[Target], found: Factors) -> None:
    """Solve for U with every V fixed."""
    wanted = torch.zeros_like(found.base)
    plain = found.base.new_zeros(found.base.shape[1], found.base.shape[1])
    moments: list[tuple[Tensor, Tensor]] = []
    for target, factor in zip(targets, found.factors, strict=True):
        wanted += target.weighted(target.matrix) @ factor.t()
        square = target.weight * ((factor if target.right is None else factor @ target.right) @ factor.t())
        if target.left is None:
            plain += square
        else:
            moments.append((target.left, square))

    def applied(base: Tensor) -> Tensor:
        total = base @ plain
        for left, square in moments:
            total = total + left @ (base @ square)
        return total

    diagonal = plain.diagonal()[None, :] + sum(
        (torch.outer(left.diagonal(), square.diagonal()) for left, square in moments), torch.zeros_like(found.base)
    )
    least = 1e-9 * float(diagonal.max())  # a column that no factor uses has none
    found.base = conjugate_gradients(applied, wanted, found.base, diagonal=diagonal.clamp(min=least))


def conjugate_gradients(
    applied: Callable[[Tensor], Tensor],
    wanted: Tensor,
    start: Tensor,
    *,
    diagonal: Tensor | None = None,
    steps: int = STEPS,
    by_column: bool = False,
) -> Tensor:
    """Return an x nearer to ``applied(x) = wanted``, for a symmetric operator without negative eigenvalues.

    Parameters
    ----------
    applied : callable
        The operator.
    wanted, start : Tensor
        Right-hand side, and the first iterate.
    diagonal : Tensor, optional
        Of the operator, positive, for Jacobi preconditioning.
    steps : int
    by_column : bool
        The operator acts on each column separately, and step sizes are computed per column.

    Returns
    -------
    Tensor
        Of the shape of `start`.
    """

    def product(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(0, keepdim=True) if by_column else (a * b).sum()

    scale = 1.0 if diagonal is None else 1 / diagonal
    x, residual = start, wanted - applied(start)
    direction = residual * scale
    size = product(residual, direction)
    least = 1e-14 * product(wanted, wanted * scale).clamp(min=1e-30)
    for _ in range(steps):
        image = applied(direction)
        bend = product(direction, image)
        length = torch.where((size > least) & (bend > 0), size / bend.clamp(min=1e-38), 0.0)
        x = x + length * direction
        residual = residual - length * image
        scaled = residual * scale
        next_size = product(residual, scaled)
        direction = scaled + (next_size / size.clamp(min=1e-38)) * direction
        size = next_size
    return x
