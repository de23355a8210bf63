"""`described`: a method and its settings as a reader would say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.compress.method import METHODS
from labkit.registry import Choice, Optional


def described(method: str, parameters: Mapping[str, Any], *, numbers: bool = True) -> str:
    """Describe a method and its settings with the titles of the registry.

    Parameters
    ----------
    method : str
        A name; one that is not registered here stands for itself.
    parameters : mapping of str to object
        Those of a run or a slider; what is not set is left out.
    numbers : bool
        Whether numeric parameters are said too.

    Returns
    -------
    str

    Examples
    --------
    >>> described("condense", {"sparsity": 0.9, "layers": "inner"})
    'Fixed fan-in (condensed), all but first and last layers, sparsity 0.9'
    >>> described("condense", {"sparsity": 0.9, "layers": "blocks.*"}, numbers=False)
    'Fixed fan-in (condensed), layers blocks.*'
    """
    entry = METHODS.get(method)
    known = {} if entry is None else entry.params
    words, figures = [method.replace("_", " ") if entry is None else entry.title], []
    for name, value in parameters.items():
        param = known.get(name)
        param = param.inner if isinstance(param, Optional) else param
        if value is None or (isinstance(value, (list, tuple)) and not value):
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            figures.append(f"{name.replace('_', ' ')} {value:g}")
        elif not (isinstance(param, Choice) and value == param.default and name != "layers"):
            words.append(setting_in_words(name, value, param))
    return ", ".join([*words, *(figures if numbers else [])])


def setting_in_words(name: str, value: Any, param: Any = None) -> str:
    """Return one setting in words: the title of its value, or name and value where it has none.

    Parameters
    ----------
    name : str
    value : object
    param : Param, Choice, Names or Optional, optional
        Its description in the registry.

    Returns
    -------
    str

    Examples
    --------
    >>> setting_in_words("layers", "blocks.*", Choice(("all",), "all", free=True))
    'layers blocks.*'
    """
    title = (
        param.title(value) if isinstance(param, Choice) else ", ".join(value) if isinstance(value, (list, tuple)) else str(value)
    )
    return title if isinstance(param, Choice) and value in param.titles else f"{name.replace('_', ' ')} {title}"
