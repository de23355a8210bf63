"""What a way of changing links is: one function from a layer's state to its next mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """A layer as a rule sees it: one row an output neuron or channel.

    Attributes
    ----------
    weight : Tensor [N, D]
        Zero where there is no link.
    gradient : Tensor [N, D] or None
        Of the loss by every position, linked or not; None for rules that need none.
    mask : bool Tensor [N, D]
    nonzeros : int
        Links that the layer is to have, before rounding to whole rows.
    share : float
        Share of the links to replace.
    step : int
    ablates : bool
        Whether whole neurons of this layer may lose all links.
    generator : torch.Generator
        For rules that choose at random.
    """

    weight: Tensor
    gradient: Tensor | None
    mask: Tensor
    nonzeros: int
    share: float
    step: int
    ablates: bool
    generator: torch.Generator

    def slope(self) -> Tensor:
        """Return the gradient; ValueError for a layer that has collected none."""
        if self.gradient is None:
            raise ValueError("this topology grows by the dense gradient, and the view has none; give gradient= [N, D]")
        return self.gradient


class Rule(Protocol):
    """A topology that changes in training.

    Attributes
    ----------
    name, title, paper : str
    needs_gradient : bool
        Whether `update` reads the dense gradient.
    starts_dense : bool
        Whether training begins with all links (gradual pruning).
    by_row : bool
        Whether every neuron has the same number of links, and so needs at least one.
    """

    name: str
    title: str
    paper: str
    needs_gradient: bool
    starts_dense: bool
    by_row: bool

    def initial(self, view: View, score: Tensor) -> Tensor:
        """Return the mask [N, D] that training begins with: where `score` [N, D], random or of magnitude, is largest."""

    def update(self, view: View) -> Tensor:
        """Return the next mask [N, D]."""
