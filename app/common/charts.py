"""Figures that are drawn once for all visitors: building one takes far longer than sending it."""

import hashlib
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import plotly.graph_objects as go

KEPT = 128  # figures

_known: OrderedDict[Hashable, go.Figure] = OrderedDict()
_lock = threading.Lock()


def chart(draw: Callable[..., go.Figure], *args: Any, finish: Callable[[go.Figure], Any] | None = None, **kwargs: Any) -> go.Figure:
    """Return ``draw(*args, **kwargs)``, known by the contents of its arguments; it is shared, so change it in `finish` only.

    Parameters
    ----------
    draw : callable
        A figure of `labkit.figures`, or one that a plugin brings.
    *args, **kwargs
        Its arguments.
    finish : callable (figure), optional
        Changes a new figure for its page.
    """
    contents = _fingerprint((args, sorted(kwargs.items())))
    question = (draw, finish, contents)  # the functions themselves: a plugin that is loaded again has others of the same name
    if contents is not None:
        with _lock:
            if question in _known:
                _known.move_to_end(question)
                return _known[question]
    made = draw(*args, **kwargs)
    if finish is not None:
        finish(made)
    if contents is not None:
        with _lock:
            _known[question] = made
            while len(_known) > KEPT:
                _known.popitem(last=False)
    return made


def _fingerprint(arguments: tuple[Any, ...]) -> bytes | None:
    """Return what stands for equal arguments, or None where that cannot be told: the figure is drawn anew then."""
    try:
        return hashlib.sha256(pickle.dumps(arguments, protocol=5)).digest()
    except Exception:  # arguments of a plugin may be anything, and refuse in any way
        return None
