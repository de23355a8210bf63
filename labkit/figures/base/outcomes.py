"""What a change means: for the worse, for the better, or not to be told. One grammar of colours and words for all figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.figures.base.shades import Shades

UNKNOWN, WORSE, BETTER = range(3)
VERDICTS = {"cannot tell": UNKNOWN, "harmed": WORSE, "unharmed": BETTER}
TESTS = ("within chance", "lost (q < 0.05)", "gained (q < 0.05)")


@dataclass(frozen=True)
class Outcomes:
    """The outcome of every row of a table.

    Attributes
    ----------
    codes : ndarray of int
        `UNKNOWN`, `WORSE` or `BETTER`.
    names : tuple of str
        Of the three, for a legend.
    """

    codes: np.ndarray
    names: tuple[str, ...]


def outcomes(table: pd.DataFrame) -> Outcomes:
    """Judge the rows of a table of changes: by the column verdict where there is one, else by sign and significance.

    Parameters
    ----------
    table : DataFrame
        Columns verdict ("harmed", "unharmed", "cannot tell"), or change and affected (bool).

    Returns
    -------
    Outcomes
    """
    if "verdict" in table:
        judged = np.array([VERDICTS.get(str(word), UNKNOWN) for word in table["verdict"]], dtype=int)
        return Outcomes(judged, tuple(VERDICTS))
    change = table["change"].to_numpy(float)
    affected = table["affected"].fillna(False).to_numpy(bool)
    codes = np.where(affected & (change < 0), WORSE, np.where(affected & (change > 0), BETTER, UNKNOWN))
    return Outcomes(codes, TESTS)


def marks(colours: Shades) -> tuple[str, str, str]:
    """Return the colours of marks by code: unknown, worse, better."""
    return colours.quiet, colours.strong, colours.gain


def verdict_words(row: pd.Series) -> str:
    """Return the verdict of a row, with how many examples would tell; empty without one."""
    word = row.get("verdict")
    if not isinstance(word, str):
        return ""
    needed = row.get("needed", np.nan)
    unclear = VERDICTS.get(word, UNKNOWN) == UNKNOWN and needed == needed and np.isfinite(needed)
    return f"{word} from these examples; about {needed:,.0f} would tell" if unclear else word
