"""Sentences that a user reads when a name is not known; shared by every room."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(kind: str, name: object, allowed: Iterable[str], remedy: str = "") -> ValueError:
    """Build the one error for a name that is not in a list, with the nearest names suggested.

    Parameters
    ----------
    kind : str
        What the name stands for, e.g. ``"model"``.
    name : object
        What the user gave.
    allowed : iterable of str
        Every name that would have worked.
    remedy : str
        One more thing the user can do, appended to the sentence.

    Examples
    --------
    >>> print(unknown_name("model", "vit_fashon", ["vit_fashion", "mlp_adult"]))
    unknown model 'vit_fashon'; did you mean 'vit_fashion'? Known: mlp_adult, vit_fashion
    """
    names = sorted(allowed)
    near = get_close_matches(str(name), names, n=2, cutoff=0.55)
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ";"
    known = f" Known: {', '.join(names)}" if near else f" known: {', '.join(names) or 'none'}"
    return ValueError(f"unknown {kind} {name!r}{hint}{known}{'; ' + remedy if remedy else ''}")
