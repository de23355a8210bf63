"""Learning curve: loss and validation accuracy at a few steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from labkit.training.callbacks import Callback
from labkit.training.prediction import accuracy

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.training.loop import Loop


class Curve(Callback):
    """Record loss and validation accuracy at evenly spaced steps, without changing the model.

    Parameters
    ----------
    validation : Split
        Validation data.
    points : int
        Number of measurements, the last one after the last step.
    examples : int
        Only the first `examples` of the validation data are used.

    Attributes
    ----------
    rows : list of dict
        Keys step, loss (running mean of the training loss), validation_accuracy.
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
        """`rows` as a DataFrame."""
        return pd.DataFrame(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state["rows"]]
