"""`overview`: every network on one page, with its smallest harmless version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.models import cards
from labkit.runs.recommendation import Recommendation, recommend
from labkit.runs.uncompressed import reference_rows

if TYPE_CHECKING:
    import pandas as pd

    from labkit.models import Card
    from labkit.runs.library import Library


@dataclass(frozen=True, eq=False)
class NetworkOverview:
    """A network and what its runs say about it.

    Attributes
    ----------
    name : str
        Its label, as in `Library.table`.
    data : str
        Name of the data set.
    architecture : str
        In words; "" for a network of the user's own.
    accuracy : float
        Of the uncompressed network on the test data; NaN where it has none.
    runs : int
        Number of its stored runs.
    answer : Recommendation or None
        The smallest run within the default limits; None where there is nothing to choose from.
    harmless : Series or None
        The row of the recommended run in `Library.table`; None where the uncompressed network is to be kept.
    """

    name: str
    data: str
    architecture: str
    accuracy: float
    runs: int
    answer: Recommendation | None
    harmless: pd.Series | None


def overview(library: Library) -> list[NetworkOverview]:
    """Return the networks that have runs, reference models first, then reference models without any.

    Parameters
    ----------
    library : Library

    Returns
    -------
    list of NetworkOverview
    """
    table, known = library.table(), cards()
    names = list(dict.fromkeys(table["model"]))
    with_runs = {name for name in known if any(label == name or label.startswith(f"{name} on ") for label in names)}
    alone = [_without_runs(name, card) for name, card in known.items() if name not in with_runs]
    found = [_with_runs(name, table[table["model"] == name], known.get(name)) for name in names]
    return [*sorted(found, key=lambda entry: entry.name not in known), *alone]


def _without_runs(name: str, card: Card) -> NetworkOverview:
    return NetworkOverview(name, card.data, card.title, card.test_accuracy, 0, None, None)


def _with_runs(name: str, table: pd.DataFrame, card: Card | None) -> NetworkOverview:
    table = table.dropna(axis="columns", how="all")
    row = reference_rows(table)
    accuracy = float(row["accuracy"].iloc[0]) if len(row) and "accuracy" in row else float("nan")
    try:
        answer = recommend(table)
    except ValueError:  # no run has a reference and its cost
        answer = None
    harmless = table.loc[answer.id] if answer is not None and answer.id else None
    architecture = "" if card is None else card.title
    return NetworkOverview(name, str(table["data"].iloc[0]), architecture, accuracy, len(table), answer, harmless)
