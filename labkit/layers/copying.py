"""`copied`: a deep copy of a network, also of one that holds tensors which torch cannot copy."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def copied(model: Network) -> Network:
    """Return a deep copy of a network.

    Tensors that modules hold as plain attributes and that are results of a computation are copied by value. Hook-style pruning,
    ``weight_norm`` and ``spectral_norm`` leave such a tensor behind (their hook computes it again at the next call), and so does a
    forward that keeps an activation; ``copy.deepcopy`` refuses them.

    Parameters
    ----------
    model : nn.Module
        Not changed.

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        When something in the network cannot be copied.

    Examples
    --------
    >>> from torch.nn.utils import prune
    >>> pruned = prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)
    >>> copied(pruned).weight_mask.sum()
    tensor(8.)
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for tensor in _tensors(list(vars(module).values())):
            if not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
    try:
        return copy.deepcopy(model, memo)
    except (TypeError, RuntimeError, AttributeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"a {type(model).__name__} cannot be copied: {why}; keep what cannot be copied out of it") from error


def _tensors(values: list[Any], depth: int = 3) -> Iterator[Tensor]:
    """Tensors among values, and in lists, tuples and dicts of them; parameters and submodules are not in question."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)) and depth:
            yield from _tensors(list(value), depth - 1)
        elif isinstance(value, dict) and depth and len(value) < 1000:
            yield from _tensors(list(value.values()), depth - 1)
