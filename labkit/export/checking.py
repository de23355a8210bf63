"""Run an exported network through its own loading script, and compare its outputs with those that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

NEAR = 1e-3  # largest difference of logits, as a fraction of the largest logit
ROUNDED = 0.1  # the same where activations are rounded to 8 bits: a difference in the last place moves a value by a whole step
STORED = 0.02  # largest difference from a stored probability, which may be rounded or come from another processor
AGREE = 0.98  # least fraction of equal predictions


@dataclass(frozen=True)
class Check:
    """How far an exported network's outputs are those of the network.

    Attributes
    ----------
    examples : int
    difference : float
        Largest difference of a logit.
    scale : float
        Largest logit.
    agreement : float
        Fraction of examples with the same prediction.
    stored : float or None
        Fraction of the predictions that are those stored with the run; None where none are stored.
    stored_difference : float or None
        Largest difference from a probability stored with the run.
    """

    examples: int
    difference: float
    scale: float
    agreement: float
    stored: float | None = None
    stored_difference: float | None = None

    def sentence(self) -> str:
        """Say it in one sentence.

        Returns
        -------
        str
        """
        with_run = "" if self.stored is None else f", {self.stored:.2%} are those stored with the run"
        return (
            f"outputs on {self.examples} test examples differ by at most {self.difference:.2g} from the network's "
            f"(largest logit {self.scale:.3g}), {self.agreement:.2%} of the predictions are equal{with_run}"
        )


def script_of(folder: Path) -> Any:
    """Import the loading script of an exported folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    module
        With ``load`` and ``predict``.
    """
    place = folder / "load.py"
    module = ModuleType("labkit_exported")
    module.__file__ = str(place)
    exec(compile(place.read_text(), str(place), "exec"), module.__dict__)  # no bytecode file is left in the folder
    return module


def check(
    found: np.ndarray,
    wanted: np.ndarray,
    stored: np.ndarray | None = None,
    *,
    rounds: bool = False,
    who: str = "the exported network",
) -> Check:
    """Compare logits, and predictions with stored ones.

    Parameters
    ----------
    found : array [N, C]
        Of the exported network.
    wanted : array [N, C]
        Of the network.
    stored : float array [N, C], optional
        Probabilities stored with a run, perhaps in steps of 1/256.
    rounds : bool
        Whether the network rounds activations to 8 bits.
    who : str
        For the message.

    Returns
    -------
    Check

    Raises
    ------
    ValueError
        When the outputs are others.
    """
    if found.shape != wanted.shape:
        raise ValueError(f"{who} returns shape {list(found.shape)} where the network returns {list(wanted.shape)}; nothing is kept")
    difference, scale = float(np.abs(found - wanted).max()), float(np.abs(wanted).max())
    agreement = float(np.mean(found.argmax(-1) == wanted.argmax(-1)))
    same = apart = None
    if stored is not None:
        same = float(np.mean(found.argmax(-1) == stored.argmax(-1)))
        apart = float(np.abs(_softmax(found) - stored).max())
    result = Check(len(found), difference, scale, agreement, same, apart)
    near = difference <= (ROUNDED if rounds else NEAR) * max(scale, 1e-6)
    as_stored = apart is None or apart <= (ROUNDED if rounds else STORED)
    if not near or not as_stored or agreement < AGREE:
        raise ValueError(f"{who} does not compute what the network computes: {result.sentence()}; nothing is kept")
    return result


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
