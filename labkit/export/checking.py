"""Run an exported network through its own loading script, and compare its outputs with those that are stored."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

NEAR = 1e-3  # largest difference of logits, as a fraction of the largest logit
ROUNDED = 0.1  # the same where activations are rounded to 8 bits: a difference in the last place moves a value by a whole step
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
    """

    examples: int
    difference: float
    scale: float
    agreement: float
    stored: float | None

    def sentence(self) -> str:
        """Say it in one sentence.

        Returns
        -------
        str
        """
        with_run = "" if self.stored is None else f", {self.stored:.2%} equal to those stored with the run"
        return (
            f"outputs on {self.examples} test examples differ by at most {self.difference:.2g} from the network's "
            f"(largest logit {self.scale:.3g}), {self.agreement:.2%} of the predictions are equal{with_run}"
        )


def script_of(folder: Path) -> Callable[[np.ndarray], np.ndarray] | Any:
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
    spec = importlib.util.spec_from_file_location("labkit_exported", place)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(place.read_text(), str(place), "exec"), module.__dict__)  # no bytecode file is left in the folder
    return module


def check(
    found: np.ndarray, wanted: np.ndarray, stored: np.ndarray | None, *, rounds: bool = False, who: str = "the exported network"
) -> Check:
    """Compare logits, and predictions with stored ones.

    Parameters
    ----------
    found : array [N, C]
        Of the exported network.
    wanted : array [N, C]
        Of the network.
    stored : int array [N] or None
        Predictions stored with a run.
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
    same = None if stored is None else float(np.mean(found.argmax(-1) == stored))
    result = Check(len(found), difference, scale, agreement, same)
    near = difference <= (ROUNDED if rounds else NEAR) * max(scale, 1e-6)
    if not near or agreement < AGREE or (same is not None and same < AGREE):
        raise ValueError(f"{who} does not compute what the network computes: {result.sentence()}; nothing is kept")
    return result
