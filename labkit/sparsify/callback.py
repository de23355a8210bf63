"""A sparsifier as a callback of `labkit.training`."""

from __future__ import annotations

from typing import Any

from labkit.sparsify.sparsifier import Sparsifier
from labkit.training import Callback, Loop


class SparsifierCallback(Callback):
    """Steps a sparsifier after the optimizer and records the state of its layers over time.

    Parameters
    ----------
    sparsifier : Sparsifier

    Attributes
    ----------
    history : list of dict
        After each update and at both ends of the training: step, layer, active, fan_in, nonzeros, explored, as
        `Sparsifier.report`.
    """

    def __init__(self, sparsifier: Sparsifier) -> None:
        self.sparsifier = sparsifier
        self.history: list[dict[str, Any]] = []

    def started(self, loop: Loop) -> None:
        self.sparsifier.attach(loop.optimizer)
        if not self.history:
            self._note(0)

    def stepped(self, loop: Loop) -> None:
        if self.sparsifier.step() or loop.step == loop.steps:
            self._note(loop.step)

    def _note(self, step: int) -> None:
        for layer, row in self.sparsifier.report().iterrows():
            facts = {"active": int(row["active"]), "nonzeros": int(row["nonzeros"])}
            shares = {"fan_in": float(row["fan_in"]), "explored": float(row["explored"])}
            self.history.append({"step": step, "layer": str(layer), **facts, **shares})

    def state_dict(self) -> dict[str, Any]:
        return {"sparsifier": self.sparsifier.state_dict(), "history": [dict(row) for row in self.history]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sparsifier.load_state_dict(state["sparsifier"])
        self.history = [dict(row) for row in state["history"]]
