"""The change of every class in every run."""

import pandas as pd

from common.charts import chart
from common.shared import shared
from common.shell import theme
from labkit import figures
from labkit.runs import Library
from views.compare.selection import Picked, clickable, for_clicks

CLASSES = "classes"


def class_changes(shelf: Library, table: pd.DataFrame, found: Picked | None) -> None:
    """Draw a cell for every class and run; a click shows the run and the examples of the class that it lost."""
    changes, affected, verdicts = _cells(shelf, tuple(table.index))
    drawn = chart(
        figures.class_change_heatmap,
        changes,
        affected,
        verdicts=verdicts,
        labels=table["label"].to_dict(),
        selected=None if found is None else found.run,
        theme=theme(),
        finish=for_clicks,
    )
    grey = "" if verdicts is None else "of grey ones these examples cannot tell; "
    reading = (
        f"one row per run, one column per class; orange classes lost accuracy, blue ones gained, {grey}a star marks a significant "
        "change (exact McNemar test, Benjamini-Hochberg, q < 0.05)."
    )
    clickable(drawn, reading, alt="Change of accuracy by class and run", place=CLASSES, key="class-changes")


@shared
def _cells(shelf: Library, runs: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """The changes, whether they are significant, and the verdicts."""
    changes, affected = shelf.class_changes(runs)
    return changes, affected, _verdicts(shelf, changes)


def _verdicts(shelf: Library, changes: pd.DataFrame) -> pd.DataFrame | None:
    """Return the verdict on every cell; None for audits without verdicts."""
    found = {run: shelf.per_class(run).get("verdict") for run in changes.index}
    if any(column is None for column in found.values()):
        return None
    return pd.DataFrame(found).T.reindex(index=changes.index, columns=changes.columns)
