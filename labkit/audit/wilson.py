"""Wilson's score interval of a proportion, vectorised."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri


def wilson_interval(hits: np.ndarray, trials: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper limits of ``hits / trials``; NaN where there are no trials.

    Parameters
    ----------
    hits, trials : int arrays of one shape
    level : float
        Confidence, e.g. 0.95.

    References
    ----------
    Wilson (1927), JASA 22; the default of R's ``prop.test`` without continuity correction.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([0]), np.array([10]))
    >>> round(float(high[0]), 4)
    0.2775
    """
    hits, trials = np.asarray(hits, float), np.asarray(trials, float)
    z = ndtri(0.5 + level / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / trials
        spread = z * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
        middle = share + z**2 / (2 * trials)
        shrink = 1 + z**2 / trials
        low, high = (middle - spread) / shrink, (middle + spread) / shrink
    # rounding may push a limit beyond 0, 1 or the proportion itself
    return np.clip(np.minimum(low, share), 0, 1), np.clip(np.maximum(high, share), 0, 1)
