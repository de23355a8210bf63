"""Accuracy of sensitive groups before and after compression, with their names."""

import pandas as pd

from common.charts import chart
from common.shell import figure, theme
from labkit import figures, runs
from labkit.audit import Audit
from labkit.data import Split

READING = (
    "hollow is {before}, filled {after}; the whisker is the 95 % interval of the change. Orange groups are harmed, "
    "blue ones are not, of grey ones these examples cannot tell."
)


def groups_of(audit: Audit, split: Split | None) -> pd.DataFrame | None:
    """Return groups before and after: those of the audit, or made of its predictions and the data; None without either."""
    if audit.group_changes is not None or split is None or split.groups is None:
        return audit.group_changes
    return runs.groups_before_and_after(audit, split.groups)


def draw_groups(table: pd.DataFrame, column: str | None = None, *, before: str = "before", after: str = "after") -> None:
    """Draw the groups of one column, or of all; `before` and `after` say what is compared."""
    alt = f"Accuracy by {column or 'group'} {before} and {after}"
    figure(chart(figures.group_changes, table, column, theme=theme()), READING.format(before=before, after=after), alt=alt)
