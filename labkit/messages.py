"""Error messages shared by all packages."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(kind: str, name: object, allowed: Iterable[str], remedy: str = "") -> ValueError:
    """Build the error for an unknown name, suggesting similar names.

    Parameters
    ----------
    kind : str
        What the name denotes, e.g. ``"model"``.
    name : object
        The given name.
    allowed : iterable of str
        All valid names.
    remedy : str
        Another remedy, appended to the message.

    Returns
    -------
    ValueError
        To be raised.

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
