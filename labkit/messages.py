"""Error messages shared by all packages."""

from collections.abc import Iterable
from difflib import get_close_matches

from labkit.words import shortly

LONGEST = 2000  # characters of one message
LISTED = 50  # names of those that a message lists
NAME = 100  # characters of a name that others are compared with


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
    near = get_close_matches(name[:NAME] if isinstance(name, str) else shortly(name, NAME), names, n=2, cutoff=0.55)
    hint = f"; did you mean {' or '.join(shortly(n) for n in near)}?" if near else ";"
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED:,} more" if len(names) > LISTED else "")
    known = f" Known: {listed}" if near else f" known: {listed or 'none'}"
    return ValueError(f"unknown {kind} {shortly(name)}{hint}{known}{'; ' + remedy if remedy else ''}")


def said(error: BaseException, limit: int = 200) -> str:
    """Say what foreign code raised: its type, and the first line of its message.

    Parameters
    ----------
    error : BaseException
        Of any type, also one whose message cannot be made.
    limit : int
        Largest number of characters of the line.

    Returns
    -------
    str

    Examples
    --------
    >>> said(IndexError("index 5 is out of range\\nmore"))
    'IndexError: index 5 is out of range'
    >>> said(SystemExit(0))
    'it called sys.exit(0)'
    """
    if isinstance(error, SystemExit):
        return f"it called sys.exit({shortly(error.code, limit)})"
    try:
        line = (str(error).strip().splitlines() or [""])[0]
    except Exception:  # the message is somebody else's code
        line = ""
    return f"{in_line(type(error).__name__, 100)}: {cut(line, limit)}".rstrip(": ")


def in_line(text: object, limit: int = 300) -> str:
    """Return a path or name as it stands in a sentence: as it is, or quoted and cut where it is long or has line breaks in it.

    Parameters
    ----------
    text : str or path
    limit : int
        Largest number of characters.

    Returns
    -------
    str

    Examples
    --------
    >>> in_line("net.py"), in_line("a\\nb.py")
    ('net.py', "'a\\\\nb.py'")
    """
    text = str(text)
    return text if text.isprintable() and len(text) <= limit else shortly(text, limit)


def cut(sentence: str, limit: int = LONGEST) -> str:
    """Cut a message that is too long to be read.

    Parameters
    ----------
    sentence : str
    limit : int
        Largest number of characters, besides the note on what is left out.

    Returns
    -------
    str

    Examples
    --------
    >>> cut("a" * 1000, 5)
    'aaaaa… (995 characters more)'
    """
    return sentence if len(sentence) <= limit else f"{sentence[:limit]}… ({len(sentence) - limit:,} characters more)"
