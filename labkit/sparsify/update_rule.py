"""`UpdateRule`: the function from a layer's state to its next mask, and the `View` of a layer that it gets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.sparsify.schedule import Schedule
from labkit.sparsify.selection import largest


@dataclass(frozen=True)
class View:
    """A layer as an update rule sees it: one row per output neuron or channel.

    Attributes
    ----------
    weight : Tensor [N, D]
        Zero where there is no connection.
    gradient : Tensor [N, D] or None
        Gradient of the loss with respect to every entry, connected or not; None for rules that need none.
    mask : bool Tensor [N, D]
    nonzeros : int
        Connections that the layer is to have, before rounding to whole rows.
    share : float
        Fraction of the connections to replace.
    step : int
        Optimizer steps so far.
    ablates : bool
        Whether neurons of this layer may lose all connections.
    generator : torch.Generator
        For rules that draw at random.
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
        """Return the dense gradient.

        Returns
        -------
        Tensor [N, D]

        Raises
        ------
        ValueError
            When the layer has collected none.
        """
        if self.gradient is None:
            raise ValueError("this rule grows connections by the dense gradient, and the view has none; give gradient= [N, D]")
        return self.gradient


class UpdateRule:
    """Base of the update rules. Subclasses implement `update`; `initial` and `start` have defaults.

    Attributes
    ----------
    needs_gradient : bool
        Whether `update` reads the dense gradient.
    starts_dense : bool
        Whether training begins with all connections (gradual pruning).
    fixed_fan_in : bool
        Whether every neuron that has connections has the same number of them, and so needs at least one.
    ablates : bool
        Whether neurons may lose all their connections, so that the fan-in of the others grows.
    """

    needs_gradient: bool = False
    starts_dense: bool = False
    fixed_fan_in: bool = False
    ablates: bool = False

    def start(self, schedule: Schedule) -> None:
        """Prepare for a training; called once, before `initial`.

        Parameters
        ----------
        schedule : Schedule
            When connections change.
        """

    def initial(self, view: View, score: Tensor) -> Tensor:
        """Return the mask that training begins with; by default the `view.nonzeros` highest scores of the layer.

        Parameters
        ----------
        view : View
        score : Tensor [N, D]
            Random numbers, or magnitudes of trained weights.

        Returns
        -------
        bool Tensor [N, D]
        """
        return largest(score, view.nonzeros)

    def update(self, view: View) -> Tensor:
        """Return the next mask.

        Parameters
        ----------
        view : View

        Returns
        -------
        bool Tensor [N, D]
        """
        raise NotImplementedError
