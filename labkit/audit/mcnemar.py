"""Two models on the same examples: McNemar's exact test and the interval of the paired difference."""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr, gammaln, ndtri


def mcnemar_p(n01: np.ndarray, n10: np.ndarray, *, mid: bool = False) -> np.ndarray:
    """Return the exact two-sided p-value of every pair of discordant counts.

    It tests two networks, not two training procedures; with fewer than 6 discordant examples no p-value is below 0.05.

    Parameters
    ----------
    n01, n10 : int arrays of one shape
        Examples that only the reference, and that only the candidate classifies correctly.
    mid : bool
        The mid-p variant, less conservative: minus the probability of the observed count.

    Examples
    --------
    >>> mcnemar_p(np.array([2, 0, 0]), np.array([10, 6, 0])).round(5).tolist()
    [0.03857, 0.03125, 1.0]
    """
    fewer, discordant = np.minimum(n01, n10), np.add(n01, n10)
    p = 2 * bdtr(fewer, discordant, 0.5)
    if mid:
        log_ways = gammaln(discordant + 1) - gammaln(fewer + 1) - gammaln(discordant - fewer + 1)
        p = p - np.exp(log_ways - discordant * np.log(2))
    return np.minimum(p, 1.0)


def paired_interval(n01: np.ndarray, n10: np.ndarray, examples: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of accuracy(candidate) - accuracy(reference) on shared examples; NaN where there are none.

    Wald's interval after half an example was added to each of the four cells ("Wald+2").

    References
    ----------
    Agresti and Min (2005), Statistics in Medicine 24, 729-740.

    Examples
    --------
    >>> low, high = paired_interval(np.array([40]), np.array([20]), np.array([160]))
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (-0.216, -0.0309)
    """
    n01, n10, examples = np.asarray(n01, float), np.asarray(n10, float), np.asarray(examples, float)
    total = np.where(examples > 0, examples + 2, np.nan)
    middle = (n10 - n01) / total
    spread = ndtri(0.5 + level / 2) * np.sqrt(n01 + n10 + 1 - (n10 - n01) ** 2 / total) / total
    return np.clip(middle - spread, -1, 1), np.clip(middle + spread, -1, 1)
