"""A `Dataset` from a CSV file; errors name file, row and column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd

from labkit.data.cells import read_cells, refuse_numbers_as_header
from labkit.data.checks import checked
from labkit.data.columns import category_code, decimal_mark, joined_notes, measured_code, number_notes, unknown_notes
from labkit.data.encoder import ColumnCode, Encoder
from labkit.data.favourable import favourable_class
from labkit.data.labels import classes_of, few_notes, labels_like
from labkit.data.limits import MAX_CATEGORIES as MOST_CATEGORIES
from labkit.data.limits import MAX_GROUPS
from labkit.data.numerals import missing as is_missing
from labkit.data.partition import check_shares, partition, training_rows
from labkit.data.paths import as_path, shown
from labkit.data.pictures import count
from labkit.data.plain import plain_columns
from labkit.data.spelling import one_spelling
from labkit.data.split import Dataset, Split
from labkit.messages import unknown_name
from labkit.words import shortly

MAX_CATEGORIES = 100


def from_csv(
    path: str | Path,
    *,
    target: str | None = None,
    groups: Sequence[str] | None = None,
    favourable: str | None = None,
    groups_as_features: bool = False,
    drop: Sequence[str] = (),
    categories: Sequence[str] = (),
    max_categories: int = MAX_CATEGORIES,
    missing: Literal["refuse", "drop"] = "refuse",
    encoding: str | None = None,
    separator: str | None = None,
    decimal: Literal[".", ","] | None = None,
    like: Dataset | Encoder | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Load a CSV file with a header row; text columns are one-hot encoded, dates become days, clock times hours.

    Numbers may be written 1,100.5 or 1.100,5 or 1 100, with a currency, per cent or one unit. Categories are those of the training
    rows: a value that occurs elsewhere only becomes "other" or zeros. Columns with a different text in most rows are left out.
    Whatever is left out, joined or read in another way than written is said in the notes of the parts.

    Parameters
    ----------
    path : path
        The file; names ending in ``.gz``, ``.bz2``, ``.xz``, ``.zip``, ``.zst`` or ``.tar`` are decompressed.
    target : str
        Column to predict; its sorted distinct values are the classes. May be left out with `like`.
    groups : sequence of str
        Sensitive features, stored as `Split.groups`.
    favourable : str, optional
        The class that people want, e.g. "approved", whose rates are compared between groups; by default the last of two.
    groups_as_features : bool
        Whether sensitive features are also inputs of the model.
    drop : sequence of str
        Columns to ignore, e.g. an identifier.
    categories : sequence of str
        Columns whose values are categories even where they are numbers, e.g. postal codes.
    max_categories : int
        Number of columns that a text column becomes at most, 2 to 1,000; rarer values are pooled as "other".
    missing : {"refuse", "drop"}
        What to do with rows whose target, group or number is missing. In text, a missing value is a category of its own.
    encoding : str, optional
        Text encoding of the file; UTF-8, or UTF-16 where the file says so, by default.
    separator : str, optional
        Character between cells; by default comma, semicolon, tab or bar, whichever divides all rows like the header.
    decimal : {".", ","}, optional
        Decimal mark where a column alone does not say it ("1,100"); by default that of the other columns.
    like : Dataset or Encoder, optional
        A data set of `from_csv`, or its `Dataset.encoder`: this file is encoded in the same way, with the same features and
        classes.
    validation_share, test_share : float
        Fractions of the rows for validation and test.
    seed : int
        Determines which rows go to which part.

    Returns
    -------
    Dataset
        Train, validation and test parts, and the encoder.

    Raises
    ------
    ValueError
        If the file cannot be read, a column is unknown, duplicated or empty, a target, group or numeric cell is missing, a
        column mixes numbers and text, the target is a quantity, two features would have one name, the table is larger than
        `labkit.data.limits` allow, the favourable class is unknown, or the file does not fit `like`;
        the message names file, row (the header is row 1) and column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "patients.csv")
    >>> _ = path.write_text("age,sex,died\\n" + "30,f,no\\n41,m,yes\\n" * 10)
    >>> from_csv(path, target="died", groups=["sex"])
    Dataset('patients': train 12, validation 4, test 4; 2 classes, groups ['sex'])
    """
    path = as_path(path, "a CSV file")
    _check_options(missing, max_categories, decimal)
    check_shares(validation_share, test_share, seed)
    known = _encoder_of(like)
    drop, categories = _names(drop, "drop"), _names(categories, "categories")
    where = shown(path)
    if known is not None:
        favourable = favourable or (like.favourable if isinstance(like, Dataset) else known.favourable)
        _refuse_beside_like(where, decimal=decimal, drop=drop, categories=categories, groups_as_features=groups_as_features)
    target, asked = _asked(where, target, groups, known)
    cells = read_cells(path, encoding, separator)
    frame, notes = cells.frame, list(cells.notes)
    _check_columns(where, frame, target, asked, (*drop, *categories))
    frame = _filled(frame, [target, *asked], where, missing, notes)
    plain: dict[str, bool] = {}
    measured: dict[str, ColumnCode | None] = {}
    if known is None:
        hidden = {target, *drop, *(() if groups_as_features else asked)}
        inputs = [name for name in frame.columns if name not in hidden]
        plain = plain_columns(frame, [name for name in inputs if name not in set(categories)])
        mark = decimal or decimal_mark(frame.drop(columns=target), cells.separator, plain)
        for name in inputs:
            code = ColumnCode(name, "number") if name in plain else None
            measured[name] = code or (None if name in categories else measured_code(frame[name], where, mark))
    else:
        measured = {code.name: code for code in known.columns if code.kind in ("number", "date") and code.name in frame}
        notes += _extra(frame, known)
    if missing == "drop":
        doubtful = [name for name, code in measured.items() if code and name not in plain]
        frame = _filled(frame, doubtful, where, missing, notes, number=True)
    for name in (target, *asked):
        frame, respelt = _respelt(frame, name)
        notes += respelt
    _refuse_many_groups(frame, asked, where)
    shares: _Shares = {"validation_share": validation_share, "test_share": test_share, "seed": seed}
    if known is None:
        classes, labels = classes_of(frame[target], where)
        train = training_rows(labels, **shares)
        codes, said = _codes(frame, measured, train, max_categories, categories, plain)
        notes += said
        known = Encoder(target, classes, asked, groups_as_features, drop, codes, favourable)
    else:
        labels = labels_like(frame[target], known.classes, where)
        joined = (joined_notes(frame[name], code) for name, code in measured.items() if code)
        notes += [note for found in joined for note in found]
    _check_features(known.features, where, notes)
    x, unknown = known.encode(frame, where)
    rows = "outside train" if like is None else "of this file"
    notes += [*unknown_notes(unknown, known.columns, rows), *few_notes(labels, known.classes)]
    whole = Split(
        labels=labels,
        classes=known.classes,
        x=x,
        features=known.features,
        groups=frame[list(asked)].reset_index(drop=True) if asked else None,
        favourable=favourable_class(favourable, known.classes, where),
        notes=tuple(notes),
    )
    name, meaning = shown(path.name).split(".")[0] or shown(path.name), f"column {target!r} of {shown(path.name)}"
    return replace(partition(checked(whole, where), name=name, target=meaning, **shares), encoder=known)


def _check_options(missing: object, max_categories: object, decimal: object) -> None:
    if missing not in ("refuse", "drop"):
        raise ValueError(f"missing must be 'refuse' or 'drop', got {shortly(missing)}")
    if isinstance(max_categories, bool) or not isinstance(max_categories, Integral):
        raise TypeError(f"max_categories must be a whole number, got {shortly(max_categories)}")
    if not 2 <= int(max_categories) <= MOST_CATEGORIES:
        raise ValueError(f"max_categories must be at least 2 and at most {MOST_CATEGORIES:,}, got {shortly(max_categories)}")
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal must be '.' or ',', got {shortly(decimal)}")


def _check_features(features: tuple[str, ...], where: str, notes: Sequence[str]) -> None:
    if not features:
        remarks = "".join(f"; {note}" for note in notes)
        raise ValueError(f"{where} has no feature columns besides target, groups and dropped columns{remarks}")
    twice = next((name for name, times in Counter(features).items() if times > 1), None)
    if twice is not None:
        raise ValueError(
            f"{where}: two columns, or a column and a category of another, would both be the feature {shortly(twice)}; "
            "rename one of the columns"
        )


def _refuse_many_groups(frame: pd.DataFrame, asked: Sequence[str], where: str) -> None:
    for name in asked:
        many = frame[name].nunique()
        if many > MAX_GROUPS:
            raise ValueError(
                f"{where}: group column {shortly(name)} holds {many:,} different groups, and at most {MAX_GROUPS:,} are allowed; "
                "cut it into fewer, or name another column"
            )


class _Shares(TypedDict):
    validation_share: float
    test_share: float
    seed: int


def _codes(
    frame: pd.DataFrame,
    measured: Mapping[str, ColumnCode | None],
    train: np.ndarray,
    max_categories: int,
    chosen: Sequence[str],
    plain: Mapping[str, bool],
) -> tuple[tuple[ColumnCode, ...], list[str]]:
    """How each column becomes numbers, and what a reader should know of it; `measured` holds None for text."""
    codes, notes = [], []
    for name, code in measured.items():
        if code is None:
            code, said = category_code(frame[name], train, max_categories, chosen=name in chosen)
        else:
            said = [] if name in plain else number_notes(frame[name], code)
        codes.append(code)
        notes += said
    return tuple(codes), notes


def _encoder_of(like: Dataset | Encoder | None) -> Encoder | None:
    encoder = like.encoder if isinstance(like, Dataset) else like
    if like is not None and not isinstance(encoder, Encoder):
        raise ValueError(f"like must be a data set of from_csv or its encoder, got {shortly(like)}")
    return encoder


def _none_as_a_word(column: pd.Series, empty: np.ndarray) -> str:
    """How "none" is written where it stands among other words in small letters, e.g. none, mild, severe."""
    words = column[~empty]
    written = column[empty & (column == "none").to_numpy(bool)]
    return "none" if len(written) and len(words) and words.str.fullmatch(r"[^\W\d_].*").all() else ""


def _refuse_beside_like(path: str, **given: object) -> None:
    """What an encoder holds cannot be said again."""
    said = ", ".join(f"{name}=" for name, value in given.items() if value)
    if said:
        raise ValueError(f"{path}: {said} cannot be given together with like=, whose encoder has it already")


def _names(names: Any, option: str) -> tuple[str, ...]:
    """Column names; one name may come without a list around it."""
    try:
        return tuple(str(name).strip() for name in ([names] if isinstance(names, str) else names))
    except TypeError as error:
        raise TypeError(f"{option} must be a list of column names, got {shortly(names)}") from error


def _asked(path: str, target: str | None, groups: Sequence[str] | None, known: Encoder | None) -> tuple[str, tuple[str, ...]]:
    if target is None:
        if known is None:
            raise ValueError(f"{path}: say which column is to be predicted with target=")
        target = known.target
    target = str(target).strip()
    if known is not None and any(code.name == target and code.kind != "left out" for code in known.columns):
        raise ValueError(
            f"{path}: column {shortly(target)} is a feature of the encoder and cannot be the target; encode this file anew"
        )
    asked = known.groups if groups is None and known is not None else _names(() if groups is None else groups, "groups")
    if target in asked:
        raise ValueError(f"{path}: column {shortly(target)} cannot be both target and group")
    twice = next((name for name in asked if asked.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: group column {shortly(twice)} is named twice; name it once")
    return target, asked


def _check_columns(path: str, frame: pd.DataFrame, target: str, groups: Sequence[str], others: Sequence[str]) -> None:
    if target not in frame:
        refuse_numbers_as_header(path, list(frame.columns))
    for column in (target, *groups, *others):
        if column not in frame:
            alone = "if its cells are divided by another character, give separator=" if len(frame.columns) == 1 else ""
            raise unknown_name(f"column of {path}", column, [name[:80] for name in frame.columns], alone)


def _filled(
    frame: pd.DataFrame, columns: Sequence[str], path: str, policy: str, notes: list[str], *, number: bool = False
) -> pd.DataFrame:
    """Refuse rows without a value in one of the columns, or leave them out and say so."""
    for name in columns:
        empty = is_missing(frame[name], number=number)
        if not number and (word := _none_as_a_word(frame[name], empty)):
            empty = empty & (frame[name] != word).to_numpy(bool)
            notes.append(f"column {shortly(name)}: {shortly(word)} is taken for a value of its own, not for a missing one")
        if not empty.any():
            continue
        if policy == "refuse":
            raise ValueError(
                f"{path}, row {frame.index[empty.argmax()]}: column {shortly(name)} is empty ({int(empty.sum())} such row(s)); "
                "fill or "
                "remove those rows, or give missing='drop' to leave them out"
            )
        frame = frame[~empty]
        notes.append(f"{count(int(empty.sum()), 'row')} without a value in column {shortly(name)} left out")
        if not len(frame):
            raise ValueError(f"{path}: no row is left without a missing value; drop columns that are mostly empty")
    return frame


def _respelt(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    column, notes = one_spelling(frame[name])
    return (frame.assign(**{name: column}) if column is not frame[name] and notes else frame), notes


def _extra(frame: pd.DataFrame, known: Encoder) -> list[str]:
    used = {known.target, *known.groups, *known.dropped, *(code.name for code in known.columns)}
    extra = [name for name in frame.columns if name not in used]
    return (
        [
            f"{count(len(extra), 'column')} that the first file lacks not used: "
            f"{', '.join(shortly(name, 60) for name in extra[:12])}{', …' if len(extra) > 12 else ''}"
        ]
        if extra
        else []
    )
