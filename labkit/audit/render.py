"""An audit as a few lines of text, and as compact tables for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from labkit.audit.headline import headlines

if TYPE_CHECKING:
    from labkit.audit.result import Audit

# rows of a table in a notebook cell: the classes that changed most, or the worst
SHOWN = 20


def as_text(audit: Audit) -> str:
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


def as_html(audit: Audit) -> str:
    """Return escaped HTML: the summary, the classes that changed most, fairness and notes."""
    parts = [_table("Summary", audit.summary.to_frame("value"))]
    parts.append(_table(_class_title(audit), _shown_classes(audit)))
    if audit.fairness is not None:
        parts.append(_table("Fairness", audit.fairness))
    parts += [_table(name, table.head(SHOWN)) for name, table in audit.extras.items()]
    if audit.notes:
        parts.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in audit.notes) + "</ul>")
    return '<div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start">' + "".join(parts) + "</div>"


def _shown_classes(audit: Audit) -> pd.DataFrame:
    if len(audit.per_class) <= SHOWN:
        return audit.per_class
    return audit.per_class.sort_values(_order(audit)).head(SHOWN)


def _class_title(audit: Audit) -> str:
    total = len(audit.per_class)
    if total <= SHOWN:
        return "Classes"
    which = {"change": "that lost most", "accuracy": "with the lowest accuracy", "examples": "with the fewest examples"}
    return f"The {SHOWN} of {total} classes {which[_order(audit)]}"


def _order(audit: Audit) -> str:
    """The column by which classes are ranked: the most telling one that the audit has."""
    return next(name for name in ("change", "accuracy", "examples") if name in audit.per_class)


def _table(title: str, frame: pd.DataFrame) -> str:
    body = frame.to_html(border=0, float_format=_number, na_rep="–")
    return f"<section><strong>{escape(title)}</strong>{body}</section>"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
