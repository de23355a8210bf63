"""`Encoder`: how the columns of a table became numbers, learnt from the training rows and applied to any other file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from labkit.data.dates import FORMATS, days
from labkit.data.limits import refuse_features
from labkit.data.numerals import PLAIN, SPACES, Style, lacks_mark, missing, parse
from labkit.data.paths import is_text
from labkit.data.pictures import count
from labkit.data.plain import read_together
from labkit.data.spelling import FLAGS
from labkit.words import shortly

OTHER = "other"
EMPTY = ""
SCHEMA = "labkit.encoder/1"


@dataclass(frozen=True)
class ColumnCode:
    """How one column becomes numbers.

    Attributes
    ----------
    name : str
    kind : {"number", "date", "category", "left out"}
    style : Style
        Of a number.
    format : str
        Of a date.
    categories : tuple of str
        In the order of their columns.
    pooled : bool
        Whether a last column "other" takes all further values.
    """

    name: str
    kind: str
    style: Style = field(default_factory=Style)
    format: str = ""
    categories: tuple[str, ...] = ()
    pooled: bool = False

    @property
    def width(self) -> int:
        """Number of columns it becomes."""
        if self.kind != "category":
            return 0 if self.kind == "left out" else 1
        return len(self.categories) + (self.pooled and OTHER not in self.categories)

    @property
    def features(self) -> list[str]:
        """Names of the columns it becomes."""
        if self.kind == "left out":
            return []
        if self.kind != "category":
            return [self.name]
        names = [*self.categories, *([OTHER] if self.pooled and OTHER not in self.categories else [])]
        return [f"{self.name}_{value}" for value in names]

    def encode(self, column: pd.Series, where: str) -> tuple[np.ndarray, list[str]]:
        """Turn a column into numbers.

        Parameters
        ----------
        column : Series of str [N]
            Indexed by the row numbers of the file.
        where : str
            The file, for error messages.

        Returns
        -------
        values : float32 array [N, features]
        unknown : list of str [n]
            The values that are none of the categories, as often as they occur; encoded as "other", or zeros.

        Raises
        ------
        ValueError
            If a cell is empty or is no number or date of this column's form; the message names row and column.
        """
        if self.kind == "category":
            return self._one_hot(column)
        if self.kind == "left out":
            return np.empty((len(column), 0), np.float32), []
        values = parse(column, self.style) if self.kind == "number" else days(column, self.format)
        bad = np.flatnonzero(np.isnan(values))
        if len(bad):
            raise self._refusal(column, bad, where)
        bare = np.flatnonzero(lacks_mark(column, self.style)) if self.kind == "number" else bad
        if len(bare):
            raise ValueError(
                f"{where}, row {column.index[bare[0]]}: column {shortly(self.name)} holds {shortly(column.iloc[bare[0]])} "
                "without the mark that "
                f"the numbers of the first file have ({self.style.dressed}); write all cells alike, or encode both files anew"
            )
        with np.errstate(over="ignore"):
            small = values.astype(np.float32)
        bad = np.flatnonzero(np.isinf(small))
        if len(bad):
            raise ValueError(
                f"{where}, row {column.index[bad[0]]}: column {shortly(self.name)} holds {shortly(column.iloc[bad[0]])}, "
                "infinite in 32 bits; "
                f"correct or drop the {len(bad)} such row(s)"
            )
        return small[:, None], []

    def _refusal(self, column: pd.Series, bad: np.ndarray, where: str) -> ValueError:
        empty = missing(column, number=True)[bad]
        if empty.all():
            return ValueError(
                f"{where}, row {column.index[bad[0]]}: column {shortly(self.name)} is empty ({len(bad)} such row(s)); fill or "
                "drop it, "
                "or give missing='drop' to leave those rows out"
            )
        place = bad[~empty][0]
        kind = "numbers" if self.kind == "number" else "dates"
        return ValueError(
            f"{where}, row {column.index[place]}: column {shortly(self.name)} holds {shortly(column.iloc[place])} among {kind}; "
            f"use only {kind} or only text, drop it, or name it in categories="
        )

    def _one_hot(self, column: pd.Series) -> tuple[np.ndarray, list[str]]:
        values = canonical(column)
        kept = {name.casefold() for name in self.categories} - {EMPTY}
        alone = len(kept) == len({*self.categories} - {EMPTY})
        if kept and alone and any(kept <= flags for flags in FLAGS):  # TRUE is True, also where train has one of the two alone
            values = values.str.casefold()
            codes = pd.Index([name.casefold() for name in self.categories]).get_indexer(values)
        else:
            codes = pd.Index(self.categories).get_indexer(values)
        unknown = column[codes < 0].tolist()
        if self.pooled:
            other = self.categories.index(OTHER) if OTHER in self.categories else len(self.categories)
            codes = np.where(codes < 0, other, codes)
        hot = np.zeros((len(column), self.width), np.float32)
        known = np.flatnonzero(codes >= 0)
        hot[known, codes[known]] = 1
        return hot, unknown


@dataclass(frozen=True)
class Encoder:
    """How the columns of a table became features, labels and groups.

    Attributes
    ----------
    target : str
    classes : tuple of str
    groups : tuple of str
    groups_as_features : bool
    dropped : tuple of str
        Columns that were left out by name.
    columns : tuple of ColumnCode
        All others, in the order of the first file.
    favourable : str or None
        The class that was set as favourable.
    """

    target: str
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    groups_as_features: bool
    dropped: tuple[str, ...]
    columns: tuple[ColumnCode, ...]
    favourable: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the D features."""
        return tuple(name for column in self.columns for name in column.features)

    def encode(self, frame: pd.DataFrame, where: str) -> tuple[np.ndarray, dict[str, list[str]]]:
        """Turn a table into features, whatever the order of its columns.

        Parameters
        ----------
        frame : DataFrame of str [N, columns]
        where : str
            The file, for error messages.

        Returns
        -------
        x : float32 array [N, D]
        unknown : dict of str to list of str
            Column -> values that are none of its categories.

        Raises
        ------
        ValueError
            If columns are missing, a cell does not fit, or the table becomes larger than `labkit.data.limits` allow.
        """
        lacking = [code.name for code in self.columns if code.name not in frame and code.kind != "left out"]
        if lacking:
            raise ValueError(
                f"{where} lacks {count(len(lacking), 'column')} that the encoding was made of: "
                f"{', '.join(map(shortly, lacking[:12]))}"
                f"{', …' if len(lacking) > 12 else ''}; "
                "add them, or encode both files without them (drop=)"
            )
        width = sum(code.width for code in self.columns)
        refuse_features(len(frame), width, where)
        x, unknown = np.empty((len(frame), width), np.float32), {}
        together = read_together(frame, [code.name for code in self.columns if code.kind == "number" and code.style == PLAIN])
        start = 0
        for code in self.columns:
            if code.name in together:
                x[:, start] = together[code.name]
            elif code.kind != "left out":
                x[:, start : start + code.width], strange = code.encode(frame[code.name], where)
                if strange:
                    unknown[code.name] = strange
            start += code.width
        return x, unknown

    def to_json(self) -> str:
        """Return the encoder as JSON.

        Returns
        -------
        str
        """
        return json.dumps({"schema": SCHEMA, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Encoder:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str

        Returns
        -------
        Encoder

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            facts: dict[str, Any] = json.loads(text)
            if facts.pop("schema") != SCHEMA:
                raise KeyError("schema")
            columns = [replace(ColumnCode(**code), style=Style(**code["style"])) for code in facts.pop("columns")]
            if not all(isinstance(code.categories, list) for code in columns):
                raise TypeError("categories")
            columns = [replace(code, categories=tuple(code.categories)) for code in columns]
            plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
            encoder = cls(columns=tuple(columns), **plain)
            defect = _defect(encoder)
        except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(
                f"this is no encoder written by Encoder.to_json ({type(error).__name__}: {str(error)[:200]})"
            ) from error
        if defect:
            raise ValueError(f"this is no encoder written by Encoder.to_json: {defect}")
        return encoder


def _defect(encoder: Encoder) -> str:
    """What is wrong with an encoder that was read from text, empty if nothing is."""
    names = (encoder.target, *encoder.classes, *encoder.groups, *encoder.dropped, *(code.name for code in encoder.columns))
    lists = (encoder.classes, encoder.groups, encoder.dropped, *(code.categories for code in encoder.columns))
    if not all(isinstance(held, tuple) for held in lists) or not all(map(_named, names)):
        return "names must be text"
    if len(set(encoder.classes)) < max(2, len(encoder.classes)):
        return "it needs two classes or more, each with its own name"
    if encoder.favourable is not None and encoder.favourable not in encoder.classes:
        return f"the favourable class {shortly(encoder.favourable)} is none of its classes"
    found = (f"column {shortly(code.name)} {wrong}" for code in encoder.columns if (wrong := _wrong(code)))
    return next(found, "")


def _named(name: object) -> bool:
    return isinstance(name, str) and is_text(name)


def _wrong(code: ColumnCode) -> str:
    """What is wrong with one column, empty if nothing is."""
    style = code.style
    if code.kind not in ("number", "date", "category", "left out"):
        return f"has the unknown kind {shortly(code.kind)}"
    if code.kind == "date" and code.format not in FORMATS:
        return f"has the unknown format {shortly(code.format)}"
    if not all(map(_named, code.categories)) or len(set(code.categories)) < len(code.categories):
        return "needs categories of text, each once"
    if style.decimal not in (".", ",") or not isinstance(style.thousands, str) or not isinstance(style.dressed, str):
        return f"has the unknown style {shortly(style)}"
    return "" if set(style.thousands) <= set(SPACES + ".,") - {style.decimal} else f"has the unknown style {shortly(style)}"


def canonical(column: pd.Series) -> pd.Series:
    """Give cells that hold nothing one spelling in a column of text: they are one category.

    Parameters
    ----------
    column : Series of str

    Returns
    -------
    Series of str
    """
    empty = missing(column)
    return column.mask(empty, EMPTY) if empty.any() else column
