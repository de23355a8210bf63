"""Three verdicts on a change of accuracy: harmed, unharmed, or cannot tell, and how many examples it would take to tell.

A significance test alone cannot certify that nothing was harmed: on a few examples nothing is significant. Here a change is called
harmless only where its whole interval lies above a margin, a test of non-inferiority.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

# A loss of up to 2 percentage points is no harm. On 1,000 test images of a class, as in Fashion-MNIST, it can be told of networks
# that change 1 prediction in 10 at most; half this margin would take four times the examples, and twice this margin would let a
# class lose 1 example in 25 unnoticed.
HARM = 0.02
HARMED, UNHARMED, UNCLEAR = "harmed", "unharmed", "cannot tell"
VERDICTS = (HARMED, UNHARMED, UNCLEAR)
POWER = 0.8  # probability with which the estimated number of examples tells


def check_harm(harm: float) -> None:
    """Refuse a margin that is no fraction.

    Parameters
    ----------
    harm : float

    Raises
    ------
    ValueError
    """
    if not 0 <= harm < 1:
        raise ValueError(f"harm must be a fraction from 0 to below 1, got {harm}; 0.02 is a margin of 2 percentage points")


def verdicts(low: np.ndarray, high: np.ndarray, *, harm: float = HARM) -> np.ndarray:
    """Judge changes by their intervals.

    Parameters
    ----------
    low, high : float arrays of one shape
        Limits of accuracy(candidate) - accuracy(reference); NaN where nothing is known.
    harm : float
        Loss that counts as harm, 0.02 for 2 percentage points. A gain is never harm.

    Returns
    -------
    ndarray of str
        "harmed" where the interval lies below ``-harm``, "unharmed" where it lies above, else "cannot tell".

    Raises
    ------
    ValueError
        For a margin that is no fraction.

    Examples
    --------
    >>> verdicts(np.array([-0.3, -0.01, -0.3]), np.array([-0.1, 0.01, 0.1])).tolist()
    ['harmed', 'unharmed', 'cannot tell']
    """
    check_harm(harm)
    low, high = np.asarray(low, float), np.asarray(high, float)
    return np.where(high < -harm, HARMED, np.where(low > -harm, UNHARMED, UNCLEAR)).astype(object)


def needed_examples(
    n01: np.ndarray, n10: np.ndarray, examples: np.ndarray, *, harm: float = HARM, level: float = 0.95, power: float = POWER
) -> np.ndarray:
    """Estimate how many examples would tell whether a change is harm.

    The number at which the interval of `paired_interval` lies on one side of ``-harm`` with the probability `power`, if examples
    keep changing at the rates seen so far. A change that is close to the margin takes very many.

    Parameters
    ----------
    n01, n10 : int arrays of one shape
        Examples that only the reference, and that only the candidate classifies correctly.
    examples : int array
    harm : float
    level : float
        Confidence of the interval.
    power : float

    Returns
    -------
    ndarray of float
        NaN where there is no example, infinite for a change of exactly ``-harm``.

    Examples
    --------
    >>> needed_examples(np.array([0, 5]), np.array([0, 1]), np.array([12, 100])).round().tolist()
    [1400.0, 1425.0]
    """
    check_harm(harm)
    n01, n10, examples = (np.asarray(count, float) for count in (n01, n10, examples))
    total = np.where(examples > 0, examples + 2, np.nan)  # the interval adds half an example to each of the four cells
    change, changed = (n10 - n01) / total, (n01 + n10 + 1) / total
    reach = ndtri(0.5 + level / 2) + ndtri(power)
    with np.errstate(divide="ignore"):
        return np.ceil(reach**2 * (changed - change**2) / (change + harm) ** 2) - 2


def with_verdicts(table: pd.DataFrame, *, harm: float = HARM, level: float = 0.95) -> pd.DataFrame:
    """Add the columns ``verdict`` and ``needed`` to a table of changes.

    Parameters
    ----------
    table : DataFrame
        With ``change_low`` and ``change_high`` (or ``low`` and ``high``), and for ``needed`` also ``n01``, ``n10`` and
        ``examples``; a table without changes is returned as it is.
    harm : float
    level : float
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        ``needed`` is NaN where the verdict is known or no number can be given.
    """
    low, high = ("change_low", "change_high") if "change_low" in table else ("low", "high")
    if low not in table:
        return table
    found = verdicts(table[low].to_numpy(), table[high].to_numpy(), harm=harm)
    needed = np.full(len(table), np.nan)
    if {"n01", "n10", "examples"} <= set(table.columns):
        counts = (table[name].to_numpy() for name in ("n01", "n10", "examples"))
        needed = np.where(found == UNCLEAR, needed_examples(*counts, harm=harm, level=level), np.nan)
    return table.assign(verdict=found, needed=needed)
