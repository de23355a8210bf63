"""Accuracy of every sensitive group, before and after."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.largest import as_numbers
from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme
from labkit.figures.base.wording import needs
from labkit.figures.classes.class_accuracy import class_accuracy

COLUMNS = ("examples", "reference_accuracy", "accuracy", "change_low", "change_high")


@shows_names
def group_changes(table: pd.DataFrame, column: str | None = None, *, theme: Theme = "light") -> go.Figure:
    """Draw the accuracy of every group in percent: hollow before, filled after, coloured by verdict where there is one.

    The whisker is the interval of the change, drawn around the accuracy after it.

    Parameters
    ----------
    table : DataFrame
        `Audit.group_changes`: indexed by (group column, group); columns examples, reference_accuracy, accuracy, change_low,
        change_high (fractions) and optionally verdict.
    column : str, optional
        Only the groups of this column; by default all.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, or there is no such group column.
    """
    needs(table, COLUMNS, figure="group_changes", advice="give Audit.group_changes of an audit with a reference and groups")
    known = list(dict.fromkeys(table.index.get_level_values(0)))
    if column is not None and column not in known:
        raise ValueError(f"group_changes got the column {column!r}; the table has {', '.join(map(str, known))}")
    shown = table if column is None else table[table.index.get_level_values(0) == column]
    names = [
        f"{group} ({int(count):,})" if len(known) == 1 or column is not None else f"{of}: {group} ({int(count):,})"
        for (of, group), count in shown["examples"].items()
    ]
    shown = as_numbers(shown)
    before = shown["reference_accuracy"]
    ends = {"accuracy_low": before + shown["change_low"], "accuracy_high": before + shown["change_high"]}
    return class_accuracy(shown.assign(**ends).set_axis(names), theme=theme).update_layout(uirevision="group_changes")
