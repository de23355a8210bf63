"""`SmallTraining`: a small network trained on a table in the background, and kept as a file of weights."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from labkit.audit import data_id
from labkit.data import Dataset
from labkit.models.card import save_weights
from labkit.models.small_mlp import SMALL_MLP, Step, train_small_mlp


def weights_place(dataset: Dataset, folder: Path) -> Path:
    """Return the file in which the small network of a table is kept.

    Parameters
    ----------
    dataset : Dataset
    folder : Path

    Returns
    -------
    Path
        Named after the data and the fingerprint of its training part.
    """
    word = re.sub(r"[^\w.-]+", "_", dataset.name)
    return folder / f"{SMALL_MLP}-{word}-{data_id(dataset.train)[:8]}.safetensors"


class SmallTraining:
    """A training in a thread of its own; it starts at once.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        File of the weights, written at the end.
    seed : int

    Attributes
    ----------
    step : Step or None
        How far it is.
    error : Exception or None
        Why it failed.
    stopped : bool
        Whether it was ended before its end; nothing is kept then.
    """

    def __init__(self, dataset: Dataset, path: Path, seed: int = 0) -> None:
        self.dataset, self.path, self.seed = dataset, path, seed
        self.step: Step | None = None
        self.error: Exception | None = None
        self.stopped = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="labkit-training")
        self._thread.start()

    def _work(self) -> None:
        try:
            model = train_small_mlp(self.dataset, seed=self.seed, tell=self._told)
            if model is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                save_weights(model, self.path)
        except Exception as error:  # shown where the progress is
            self.error = error

    def _told(self, step: Step) -> bool:
        self.step = step
        return not self.stopped

    def stop(self) -> None:
        """End it; nothing is kept."""
        self.stopped = True

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait for the end.

        Parameters
        ----------
        seconds : float

        Returns
        -------
        bool
            Whether it has ended.
        """
        self._thread.join(seconds)
        return not self.running
