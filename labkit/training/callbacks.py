"""What can be handed into the loop: sparsifiers, monitors, run logging, the choice of weights on validation."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from labkit.training.prediction import accuracy

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.training.loop import Loop


class Callback:
    """Base class; override what you need. State returned by `state_dict` travels with every checkpoint."""

    def started(self, loop: Loop) -> None:
        """Before the first step of this process (also after resuming)."""

    def stepped(self, loop: Loop) -> None:
        """After each optimizer step; `loop.step` counts completed steps."""

    def finished(self, loop: Loop) -> None:
        """After the last step."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned."""


class KeepBest(Callback):
    """Measure validation accuracy every `every` steps and at the end; leave the best weights in the model.

    Attributes
    ----------
    history : list of (step, accuracy)
    best : float
        Validation accuracy of the weights the model ends with.
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
