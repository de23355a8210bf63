"""What a selection of layers took and left out; remembered from `select_layers` to `replaced`."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from torch import nn


@dataclass
class Selection:
    """Which layers were taken, and what there is to say about the others.

    Parameters
    ----------
    taken : dict of str to nn.Module
        What `select_layers` returned.
    twins : dict of str to str
        Further layers that follow one of these, because they share its weight: path -> path.
    notes : list of str
    """

    taken: dict[str, nn.Module] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


# `replaced` gets the new layers alone, from methods that know nothing of ties and of layers that were left out
_LAST: WeakKeyDictionary[nn.Module, Selection] = WeakKeyDictionary()


def remember(model: nn.Module, selection: Selection) -> None:
    """Keep what was selected last of a network, for as long as the network exists."""
    _LAST[model] = selection


def remembered(model: nn.Module, paths: set[str]) -> Selection:
    """Take out what was selected last of a network; an empty selection if new layers are for other places than those taken."""
    last = _LAST.pop(model, None)
    return last if last is not None and paths <= last.taken.keys() else Selection()
