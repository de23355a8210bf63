"""Update a figure that is already displayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go


def redraw(shown: go.Figure, fresh: go.Figure) -> None:
    """Make `shown` equal to `fresh` by sending only the differences, in one message.

    Where the number or the types of traces differ, all traces are replaced, which takes one more message.

    Parameters
    ----------
    shown : Figure or FigureWidget
        Changed in place.
    fresh : Figure
        Not changed.

    Notes
    -----
    A container that lost its last value, such as ``marker``, remains as an empty one, which draws the same.
    """
    if [trace.type for trace in shown.data] != [trace.type for trace in fresh.data]:
        shown.data = ()
        shown.add_traces(fresh.data)
    pairs = [*zip(shown.data, fresh.data, strict=True), (shown.layout, fresh.layout)]
    with shown.batch_update():
        for old, new in pairs:
            for path, value in _differences(old.to_plotly_json(), new.to_plotly_json(), whole=old is shown.layout):
                old[path] = value


def _differences(old: dict[str, Any], new: dict[str, Any], under: str = "", *, whole: bool) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, new value) of all differences; None removes a value.

    A container that only one of the two has is sent `whole` or leaf by leaf: whole in a layout, where the parts of a second axis
    cannot be set before it exists; by leaves in a trace, because Plotly refuses a message with ``marker`` of one trace and
    ``marker.color`` of another.
    """
    for key in dict.fromkeys([*old, *new]):
        if not under and key == "uid":  # set by the widget
            continue
        before, after = old.get(key), new.get(key)
        containers = [isinstance(value, dict) for value in (before, after)]
        if key != "template" and (all(containers) or (any(containers) and not whole)):
            yield from _differences(before or {}, after or {}, f"{under}{key}.", whole=whole)
        elif not _same(before, after):
            yield under + key, after


def _same(before: Any, after: Any) -> bool:
    """Compare values or arrays; NaN equals NaN."""
    if isinstance(before, np.ndarray) or isinstance(after, np.ndarray):
        if before is None or after is None:
            return False
        first, second = np.asarray(before), np.asarray(after)
        if first.shape != second.shape or first.dtype != second.dtype:
            return False
        return bool(np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"))
    return bool(before == after)
