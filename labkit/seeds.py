"""What a seed may be, wherever one is given."""

from __future__ import annotations

import operator

from labkit.words import shortly

LARGEST_SEED = 2**63 - 1  # torch and NumPy both take it, and files keep it as a signed integer of 64 bits


def checked_seed(seed: object, whose: str = "the seed") -> int:
    """Return a seed as an int.

    Parameters
    ----------
    seed : int
        Python's or NumPy's.
    whose : str
        For the message.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Unless it is a whole number from 0 to 2**63 - 1.

    Examples
    --------
    >>> checked_seed(3)
    3
    >>> checked_seed(-1)
    Traceback (most recent call last):
    ValueError: the seed must be a whole number from 0 to 9223372036854775807, got -1
    """
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number <= LARGEST_SEED:
        raise ValueError(f"{whose} must be a whole number from 0 to {LARGEST_SEED}, got {shortly(seed)}")
    return number
