"""The favourable class: the one that people want, e.g. "approved"; rates of groups are rates of this class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.messages import unknown_name


def favourable_class(favourable: Any, classes: Sequence[str], where: str = "") -> str | None:
    """Return the name of the favourable class as the classes spell it.

    Parameters
    ----------
    favourable : object or None
        A class name, or the value it was made of: 1 for the class "1".
    classes : sequence of str
    where : str
        File or data set, for the error message.

    Returns
    -------
    str or None
        None if none is set.

    Raises
    ------
    ValueError
        If it is none of the classes.

    Examples
    --------
    >>> favourable_class(1, ("0", "1"))
    '1'
    """
    if favourable is None:
        return None
    text = str(favourable).strip()
    if text in classes:
        return text
    equal = [name for name in classes if _number(name) == _number(text) is not None]
    if len(equal) == 1:
        return equal[0]
    raise unknown_name(f"favourable class{' of ' + where if where else ''}", text, map(str, classes))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
