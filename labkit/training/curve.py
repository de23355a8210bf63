"""How a training goes: loss and validation accuracy, a few times along the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from labkit.training.callbacks import Callback
from labkit.training.prediction import accuracy

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.training.loop import Loop


class Curve(Callback):
    """Note loss and validation accuracy at evenly spaced steps; the model stays as it is.

    Parameters
    ----------
    validation : Split
    points : int
        Measurements over the whole training, the last one at its end.
    examples : int
        Of the validation part, the first so many are measured on.

    Attributes
    ----------
    rows : list of dict
        step, loss (running mean of the training loss), validation_accuracy.
    """

    def __init__(self, validation: Split, *, points: int = 12, examples: int = 2000) -> None:
        self.validation, self.points = validation.subset(slice(0, examples)), points
        self.rows: list[dict[str, float]] = []

    def stepped(self, loop: Loop) -> None:
        if loop.step * self.points // loop.steps == (loop.step - 1) * self.points // loop.steps:
            return
        value = accuracy(loop.model, self.validation)
        self.rows.append({"step": loop.step, "loss": loop.loss, "validation_accuracy": value})
        loop.report(f"validation {value:.2%}")

    @property
    def table(self) -> pd.DataFrame:
        """`rows` as a frame."""
        return pd.DataFrame(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state["rows"]]
