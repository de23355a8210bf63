"""The masks of one layer over a training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from labkit.sparsify.sparsifier import Sparsifier
from labkit.training import Callback, Loop
from labkit.words import shortly


class MaskFilm(Callback):
    """Record the mask of one layer at the start and whenever it changes; pass it to `fit` after the `SparsifierCallback`.

    Parameters
    ----------
    sparsifier : Sparsifier
    layer : str
        Name of the parameter, as in ``sparsifier.masks``.

    Raises
    ------
    ValueError
        When no sparse layer has that name.
    """

    def __init__(self, sparsifier: Sparsifier, layer: str) -> None:
        if layer not in sparsifier.layers:
            raise ValueError(f"{shortly(layer)} is no sparse layer; there are {', '.join(sparsifier.layers)}")
        self.sparsifier, self.layer = sparsifier, layer
        self.steps: list[int] = []
        self.bits: list[bytes] = []

    def started(self, loop: Loop) -> None:
        if not self.steps:
            self._keep(0)

    def stepped(self, loop: Loop) -> None:
        if self.sparsifier.schedule.updates_at(loop.step):
            self._keep(loop.step)

    def _keep(self, step: int) -> None:
        bits = np.packbits(self.sparsifier.layers[self.layer].mask.cpu().numpy()).tobytes()
        if not self.bits or bits != self.bits[-1]:
            self.steps.append(step)
            self.bits.append(bits)

    @property
    def table(self) -> pd.DataFrame:
        """One row per mask: step, layer, outputs, inputs, bits (`numpy.packbits` of bool [outputs, inputs])."""
        outputs, inputs = self.sparsifier.layers[self.layer].rows
        shape = {"layer": self.layer, "outputs": outputs, "inputs": inputs}
        return pd.DataFrame([{"step": step, **shape, "bits": bits} for step, bits in zip(self.steps, self.bits, strict=True)])

    def state_dict(self) -> dict[str, Any]:
        return {"steps": list(self.steps), "bits": [bits.hex() for bits in self.bits]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, self.bits = list(state["steps"]), [bytes.fromhex(bits) for bits in state["bits"]]


def frames(table: pd.DataFrame) -> Iterator[tuple[int, np.ndarray]]:
    """Iterate over the masks of `MaskFilm.table`.

    Parameters
    ----------
    table : DataFrame

    Yields
    ------
    step : int
    mask : bool array [outputs, inputs]
    """
    for row in table.itertuples():
        count = row.outputs * row.inputs
        yield row.step, np.unpackbits(np.frombuffer(row.bits, np.uint8), count=count).astype(bool).reshape(row.outputs, row.inputs)
