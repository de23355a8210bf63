"""Figures that are drawn once for all visitors: building one takes far longer than sending it."""

import functools
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from common.once import once


class Drawn(go.Figure):
    """A figure that nothing changes any more: what a browser is sent is made once."""

    def to_dict(self) -> dict:
        """Return `plotly.graph_objects.Figure.to_dict` of the figure as it was first sent."""
        sent = self.__dict__.get("_sent")
        if sent is None:
            sent = self.__dict__["_sent"] = super().to_dict()
        return sent


def drawn(figure: go.Figure) -> Drawn:
    """Return the same figure as one that nothing changes any more."""
    figure.__class__ = Drawn  # a copy would be validated once more, which takes as long as drawing it
    return figure


def chart(draw: Callable[..., go.Figure], *args: Any, finish: Callable[[go.Figure], Any] | None = None, **kwargs: Any) -> Drawn:
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
    return once(_ready(draw, finish), *args, **kwargs)


@functools.lru_cache(maxsize=256)
def _ready(draw: Callable[..., go.Figure], finish: Callable[[go.Figure], Any] | None) -> Callable[..., Drawn]:
    """Return `draw` followed by `finish`; the same object for the same two functions."""

    def make(*args: Any, **kwargs: Any) -> Drawn:
        made = draw(*args, **kwargs)
        if finish is not None:
            finish(made)
        return drawn(made) if type(made) is go.Figure else made

    return make
