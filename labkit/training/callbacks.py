"""Callbacks of the training loop: the base class, and selection of the best weights on validation data."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from labkit.training.prediction import accuracy

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.training.loop import Loop


class Callback:
    """Base class of callbacks; what `state_dict` returns is saved in every checkpoint."""

    def started(self, loop: Loop) -> None:
        """Run before the first step of this process, also after resuming.

        Parameters
        ----------
        loop : Loop
            State of the training.
        """

    def stepped(self, loop: Loop) -> None:
        """Run after each optimizer step.

        Parameters
        ----------
        loop : Loop
            State of the training; `loop.step` counts completed steps.
        """

    def finished(self, loop: Loop) -> None:
        """Run after the last step.

        Parameters
        ----------
        loop : Loop
            State of the training.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return the state to save in checkpoints.

        Returns
        -------
        dict
            Tensors, numbers, strings, lists and dicts.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint.

        Parameters
        ----------
        state : dict
            As returned by `state_dict`.
        """


class KeepBest(Callback):
    """Measure validation accuracy regularly and leave the best weights in the model.

    Parameters
    ----------
    validation : Split
        Data for the selection.
    every : int
        Steps between measurements; the last step is always measured.

    Attributes
    ----------
    history : list of (step, accuracy)
        All measurements.
    best : float
        Validation accuracy of the weights in the model at the end.
    """

    def __init__(self, validation: Split, every: int) -> None:
        self.validation, self.every = validation, every
        self.history: list[tuple[int, float]] = []
        self.best = -1.0
        self.weights: dict[str, Any] | None = None

    def stepped(self, loop: Loop) -> None:
        if loop.step % self.every and loop.step != loop.steps:
            return
        value = accuracy(loop.model, self.validation)
        self.history.append((loop.step, value))
        loop.report(f"validation {value:.2%}")
        if value > self.best:
            self.best, self.weights = value, copy.deepcopy(loop.model.state_dict())

    def finished(self, loop: Loop) -> None:
        if self.weights is not None:
            loop.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"history": [list(pair) for pair in self.history], "best": self.best, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = [(int(step), value) for step, value in state["history"]]
        self.best, self.weights = state["best"], state["weights"]
