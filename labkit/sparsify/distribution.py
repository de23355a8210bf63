"""How a network's sparsity is distributed over its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

from labkit.messages import unknown_name

Shapes = Mapping[str, Sequence[int]]


def uniform(shapes: Shapes, sparsity: float, *, dense: Iterable[str] = ()) -> dict[str, float]:
    """Return layer -> density, the same for all.

    Parameters
    ----------
    shapes : mapping of str to shape
        Of the weights: [outputs, inputs] or [outputs, inputs, height, width].
    sparsity : float in [0, 1)
        Fraction of zeros over all layers together.
    dense : iterable of str
        Layers that keep all weights; the others are made sparser, so that the whole has the requested sparsity.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        When the sparsity is out of range, or the dense layers alone hold more weights than the sparsity leaves.

    Examples
    --------
    >>> uniform({"a": (10, 10), "b": (10, 30)}, 0.75)
    {'a': 0.25, 'b': 0.25}
    """
    return _shared_out(shapes, sparsity, dense, lambda shape: 1.0)


def erdos_renyi(shapes: Shapes, sparsity: float, *, dense: Iterable[str] = ()) -> dict[str, float]:
    """Return layer -> density in proportion to (outputs + inputs) / (outputs inputs), at most 1.

    Parameters
    ----------
    shapes, sparsity, dense
        As `uniform`.

    Returns
    -------
    dict of str to float

    References
    ----------
    Mocanu et al., Scalable training of artificial neural networks with adaptive sparse connectivity, 2018.
    """
    return _shared_out(shapes, sparsity, dense, lambda shape: (shape[0] + shape[1]) / (shape[0] * shape[1]))


def erk(shapes: Shapes, sparsity: float, *, dense: Iterable[str] = ()) -> dict[str, float]:
    """Return layer -> density in proportion to the sum over the product of the shape, kernel included, at most 1.

    Parameters
    ----------
    shapes, sparsity, dense
        As `uniform`.

    Returns
    -------
    dict of str to float

    References
    ----------
    Evci et al., Rigging the lottery, 2020: Erdos-Renyi-Kernel.
    """
    return _shared_out(shapes, sparsity, dense, lambda shape: sum(shape) / prod(shape))


DISTRIBUTIONS: dict[str, Callable[..., dict[str, float]]] = {"uniform": uniform, "erdos_renyi": erdos_renyi, "erk": erk}


def densities(shapes: Shapes, sparsity: float, distribution: str = "erk", *, dense: Iterable[str] = ()) -> dict[str, float]:
    """Return layer -> density by the distribution of that name.

    Parameters
    ----------
    shapes, sparsity
        As `uniform`.
    distribution : {"erk", "erdos_renyi", "uniform"}
    dense : iterable of str
        As `uniform`.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        For an unknown distribution, and as `uniform`.
    """
    if distribution not in DISTRIBUTIONS:
        raise unknown_name("distribution", distribution, DISTRIBUTIONS)
    return DISTRIBUTIONS[distribution](shapes, sparsity, dense=dense)


def nonzeros(shapes: Shapes, density: Mapping[str, float], total: int | None = None) -> dict[str, int]:
    """Return layer -> number of nonzero weights.

    Parameters
    ----------
    shapes : mapping of str to shape
    density : mapping of str to float
        As `densities` returns them.
    total : int, optional
        Their exact sum: the remainder of rounding down goes to the layers that lost most by it. None rounds each layer down.

    Returns
    -------
    dict of str to int
    """
    exact = {name: density[name] * prod(shape) for name, shape in shapes.items()}
    counts = {name: int(value + 1e-9) for name, value in exact.items()}
    if total is not None:
        by_loss = sorted(exact, key=lambda name: counts[name] - exact[name])
        for name in by_loss[: max(0, total - sum(counts.values()))]:
            counts[name] += 1
    return counts


def _shared_out(shapes: Shapes, sparsity: float, dense: Iterable[str], raw: Callable[[Sequence[int]], float]) -> dict[str, float]:
    """Densities in proportion to `raw`; layers that would exceed density 1 become dense, and the rest is distributed again."""
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    full = set(dense)
    for name in full - sizes.keys():
        raise unknown_name("layer", name, sizes)
    budget = (1 - sparsity) * sum(sizes.values())
    while True:
        rest = [name for name in shapes if name not in full]
        left = budget - sum(sizes[name] for name in full)
        if left <= 0 and rest:
            kept = sum(sizes[name] for name in full)
            raise ValueError(
                f"the dense layers hold {kept:,} weights, more than the {budget:,.0f} that a sparsity of {sparsity} leaves; "
                f"give a lower sparsity or fewer dense layers"
            )
        scale = left / sum(raw(shapes[name]) * sizes[name] for name in rest) if rest else 0.0
        over = {name for name in rest if scale * raw(shapes[name]) > 1}
        if not over:
            return {name: 1.0 if name in full else scale * raw(shapes[name]) for name in shapes}
        full |= over
