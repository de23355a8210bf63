"""How near runs come to limits that none of them keeps, in words."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from labkit.audit.verdicts import UNCLEAR
from labkit.runs.kept_limits import Judged

MANY = 100_000  # examples; beyond that an estimate says only that the loss is close to the margin


def count_of(number: int, what: str) -> str:
    """Return a count with its noun.

    Parameters
    ----------
    number : int
    what : str
        In the singular.

    Returns
    -------
    str
    """
    many = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number:,} {what if number == 1 else many}"


def misses(
    every: list[Judged],
    candidates: pd.Index,
    names: pd.Series,
    table: pd.DataFrame,
    per_class: Callable[[str], pd.DataFrame] | None,
) -> list[str]:
    """Return sentences on the nearest miss of each limit, and on what cannot be told.

    Parameters
    ----------
    every : list of Judged
        The limits that hold.
    candidates : Index
        Ids of the runs that are smaller than the uncompressed model.
    names : Series
        Label of every run.
    table : DataFrame
    per_class : callable, optional
        Class table of a run.

    Returns
    -------
    list of str
    """
    sentences = []
    for one in every:
        others = [other.kept[candidates] for other in every if other is not one]
        alone = candidates[pd.concat(others, axis=1).all(axis=1)] if others else candidates
        alone = alone[one.worst[alone].notna()]
        known = candidates[one.worst[candidates].notna()]
        if len(alone):  # they break this limit, or one of them would be the answer
            run = one.nearest(alone)
            sentences.append(f"{names[run]} breaks one limit alone: {one.said(run)}")
        elif not len(known):
            sentences.append(f"{one.limit.what} was not measured")
        elif not one.kept[known].any():
            run = one.nearest(known)
            sentences.append(f"nearest to the limit is {names[run]}: {one.said(run)}")
    return [*sentences, *_untold(every, candidates, names, table, per_class)]


def _untold(
    every: list[Judged],
    candidates: pd.Index,
    names: pd.Series,
    table: pd.DataFrame,
    per_class: Callable[[str], pd.DataFrame] | None,
) -> list[str]:
    """Say which classes cannot be told in the run that would otherwise come nearest to harming none, and what would tell."""
    for one in every:
        if one.limit.name != "harmed_classes":
            continue
        unclear = candidates[table.loc[candidates, "unclear_classes"].fillna(0) > 0] if "unclear_classes" in table else []
        others = [other for other in every if other is not one]
        hopeless = not one.kept[candidates].any()
        unclear = [run for run in unclear if one.unclear[run] and (hopeless or all(other.kept[run] for other in others))]
        if not unclear:
            continue
        run = one.nearest(pd.Index(unclear))
        found = None if per_class is None else _classes(per_class, run)
        if found is None:
            number = count_of(int(table.loc[run, "unclear_classes"]), "class")
            return [f"cannot tell of {number} whether {names[run]} harms it"]
        return [untold_class(found, f" by {names[run]}")]
    return []


def _classes(per_class: Callable[[str], pd.DataFrame], run: str) -> pd.DataFrame | None:
    """Return the class table of a run; None where it is damaged or says nothing of a class that cannot be told."""
    try:
        found = per_class(run)
    except (ValueError, OSError):
        return None
    return found if "verdict" in found and (found["verdict"] == UNCLEAR).any() else None


def untold_class(table: pd.DataFrame, by: str = "") -> str:
    """Say of the class with the largest loss among those that cannot be told how many examples would tell.

    Parameters
    ----------
    table : DataFrame
        As `Audit.per_class`, with a class that cannot be told.
    by : str
        E.g. " by condense sparsity=0.9".

    Returns
    -------
    str
        E.g. "cannot tell whether class cat is harmed: 12 examples; about 240 would tell".
    """
    rows = table[table["verdict"] == UNCLEAR].sort_values("change_low", na_position="first")
    name, row = rows.index[0], rows.iloc[0]
    more = f" (nor of {len(rows) - 1} other{'' if len(rows) == 2 else 's'})" if len(rows) > 1 else ""
    needed = row["needed"]
    if needed != needed:
        would = "it has none"
    elif needed > MANY:
        would = f"more than {MANY:,} would be needed to tell, as its loss is close to the margin"
    else:
        would = f"about {rounded(needed):,} would tell"
    return f"cannot tell whether class {name} is harmed{by}{more}: {count_of(int(row['examples']), 'example')}; {would}"


def rounded(number: float) -> int:
    """Round to two significant digits: an estimate has no more.

    Parameters
    ----------
    number : float

    Returns
    -------
    int

    Examples
    --------
    >>> rounded(1396.0), rounded(16.0)
    (1400, 16)
    """
    return int(float(f"{number:.2g}"))


def unlimited_groups(run: pd.Series, every: list[Judged]) -> str:
    """Say of a recommended run which groups it harms or may harm, where groups are not limited.

    Parameters
    ----------
    run : Series
        Its row.
    every : list of Judged

    Returns
    -------
    str
    """
    if any(one.limit.name == "harmed_groups" for one in every):
        return ""
    said = []
    for word, text in (("harmed", "{} by {} harmed"), ("unclear", "cannot tell for {} by {}")):
        for name, value in run.items():
            stem, _, column = str(name).partition("[")
            if stem == f"{word}_groups" and value == value and value:
                said.append(text.format(count_of(int(value), "group"), column[:-1]))
    return f"; groups are not limited: {', '.join(said)}" if said else ""
