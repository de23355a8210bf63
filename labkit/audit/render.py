"""An audit as a few lines of text, and as compact tables for a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Protocol

import pandas as pd

from labkit.audit.headline import headlines

# rows of a table in a notebook cell: the classes that changed most, or the worst
SHOWN = 20


class _Renderable(Protocol):
    """The part of an `Audit` that is rendered; the audit's module imports this one."""

    @property
    def summary(self) -> pd.Series: ...
    @property
    def per_class(self) -> pd.DataFrame: ...
    @property
    def fairness(self) -> pd.DataFrame | None: ...
    @property
    def extras(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def cost(self) -> Any: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def task(self) -> str: ...


def as_text(audit: _Renderable) -> str:
    """Return the headlines, costs and notes of an audit, one line each.

    Parameters
    ----------
    audit : Audit

    Returns
    -------
    str
    """
    lines = [f"Audit of {audit.summary['examples']:,.0f} examples ({audit.task}), {len(audit.per_class):,} classes"]
    for line in headlines(audit.summary):
        lines.append(f"  {line.title}: {line.value}{f', {line.delta}' if line.delta else ''}")
    if audit.cost is not None:
        lines.append(f"  {audit.cost}")
    return "\n".join([*lines, *(f"  note: {note}" for note in audit.notes)])


def as_html(audit: _Renderable) -> str:
    """Return escaped HTML: the summary, the classes that changed most, fairness and notes."""
    parts = [_table("Summary", audit.summary.to_frame("value"))]
    parts.append(_table(_class_title(audit), _shown_classes(audit)))
    if audit.fairness is not None:
        parts.append(_table("Fairness", audit.fairness))
    parts += [_table(name, table.head(SHOWN)) for name, table in audit.extras.items()]
    if audit.notes:
        parts.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in audit.notes) + "</ul>")
    return '<div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start">' + "".join(parts) + "</div>"


def _shown_classes(audit: _Renderable) -> pd.DataFrame:
    if len(audit.per_class) <= SHOWN:
        return audit.per_class
    return audit.per_class.sort_values(_order(audit)).head(SHOWN)


def _class_title(audit: _Renderable) -> str:
    total = len(audit.per_class)
    if total <= SHOWN:
        return "Classes"
    which = {"change": "that lost most", "accuracy": "with the lowest accuracy", "examples": "with the fewest examples"}
    return f"The {SHOWN} of {total} classes {which[_order(audit)]}"


def _order(audit: _Renderable) -> str:
    """Return the column by which classes are ranked."""
    return next(name for name in ("change", "accuracy", "examples") if name in audit.per_class)


def _table(title: str, frame: pd.DataFrame) -> str:
    body = frame.to_html(border=0, float_format=_number, na_rep="–")
    return f"<section><strong>{escape(title)}</strong>{body}</section>"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
