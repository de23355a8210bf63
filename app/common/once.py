"""Answers that are computed once for all visitors, known by the contents of what was asked."""

import hashlib
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 256  # answers

_known: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.Lock()


def once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``function(*args, **kwargs)``, which all visitors share: change a copy.

    Parameters
    ----------
    function : callable
        It depends on its arguments alone.
    *args, **kwargs
        Its arguments; where they cannot be pickled, it is called anew each time.
    """
    contents = _fingerprint((args, sorted(kwargs.items())))
    if contents is None:
        return function(*args, **kwargs)
    question = (function, contents)  # the function itself: a plugin that is loaded again has another of the same name
    with _lock:
        if question in _known:
            _known.move_to_end(question)
            found: T = _known[question]
            return found
    made = function(*args, **kwargs)
    with _lock:
        _known[question] = made
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return made


def _fingerprint(arguments: tuple[Any, ...]) -> bytes | None:
    """Return what stands for equal arguments, or None where that cannot be told."""
    try:
        return hashlib.sha256(pickle.dumps(arguments, protocol=5)).digest()
    except Exception:  # arguments of a plugin may be anything, and refuse in any way
        return None
