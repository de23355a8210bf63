"""An audit as a few lines of text, and as compact tables for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from labkit.audit.report import Audit

# a notebook cell shows no more classes than fit on a screen: the most changed ones, or the worst
SHOWN = 20


def as_text(audit: Audit) -> str:
    """Return the audit in at most a handful of lines."""
    s = audit.summary
    limits = f"{s['accuracy_low']:.2%} to {s['accuracy_high']:.2%}"
    lines = [f"Audit of {s['examples']:,.0f} examples: accuracy {s['accuracy']:.2%} ({limits}), ECE {s['ece']:.3f}"]
    if audit.has_reference:
        change = f"{100 * s['accuracy_change']:+.2f} points (p = {s['change_p']:.2g})"
        lines.append(f"  reference {s['reference_accuracy']:.2%}, change {change}, agreement {s['agreement']:.2%}")
        worst = f"worst change {100 * s['worst_class_change']:+.1f} points"
        lines.append(f"  {s['affected_classes']:.0f} of {len(audit.per_class)} classes affected, {worst}")
    lines += [f"  {name} {s[name]:.3f}" for name in s.index if "[" in name]
    if audit.cost is not None:
        lines.append(f"  {audit.cost}")
    return "\n".join([*lines, *(f"  note: {note}" for note in audit.notes)])


def as_html(audit: Audit) -> str:
    """Return escaped HTML: the summary, the classes that changed most, fairness and notes."""
    parts = [_table("Summary", audit.summary.to_frame("value"))]
    parts.append(_table(_class_title(audit), _shown_classes(audit)))
    if audit.fairness is not None:
        parts.append(_table("Fairness", audit.fairness))
    if audit.notes:
        parts.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in audit.notes) + "</ul>")
    return '<div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start">' + "".join(parts) + "</div>"


def _shown_classes(audit: Audit) -> pd.DataFrame:
    if len(audit.per_class) <= SHOWN:
        return audit.per_class
    return audit.per_class.sort_values("change" if audit.has_reference else "accuracy").head(SHOWN)


def _class_title(audit: Audit) -> str:
    total = len(audit.per_class)
    if total <= SHOWN:
        return "Classes"
    return f"The {SHOWN} of {total} classes {'that lost most' if audit.has_reference else 'with the lowest accuracy'}"


def _table(title: str, frame: pd.DataFrame) -> str:
    body = frame.to_html(border=0, float_format=_number, na_rep="–")
    return f"<section><strong>{escape(title)}</strong>{body}</section>"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
