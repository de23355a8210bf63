"""A `Dataset` from a CSV file; errors name file, row and column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.common import get_handle

from labkit.data.checks import checked
from labkit.data.favourable import favourable_class
from labkit.data.partition import partition
from labkit.data.split import Dataset, Split
from labkit.messages import unknown_name

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


def from_csv(
    path: str | Path,
    *,
    target: str,
    groups: Sequence[str] = (),
    favourable: str | None = None,
    groups_as_features: bool = False,
    drop: Sequence[str] = (),
    encoding: str = "utf-8",
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Load a CSV file with a header row; text columns are one-hot encoded.

    Parameters
    ----------
    path : path
        The file; names ending in ``.gz``, ``.bz2``, ``.xz`` or ``.zip`` are decompressed.
    target : str
        Column to predict; its sorted distinct values are the classes.
    groups : sequence of str
        Sensitive features, stored as `Split.groups`.
    groups_as_features : bool
        Whether sensitive features are also inputs of the model.
    drop : sequence of str
        Columns to ignore, e.g. an identifier.
    encoding : str
        Text encoding of the file.
    validation_share, test_share : float
        Fractions of the rows for validation and test.
    seed : int
        Determines which rows go to which part.

    Returns
    -------
    Dataset
        Train, validation and test parts.

    Raises
    ------
    ValueError
        If the file cannot be read, a column is unknown, duplicated or empty, a target, group or numeric cell is missing, or a
        column mixes numbers and text; the message names file, row (the header is row 1) and column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "patients.csv")
    >>> _ = path.write_text("age,sex,died\\n" + "30,f,no\\n41,m,yes\\n" * 10)
    >>> from_csv(path, target="died", groups=["sex"])
    Dataset('patients': train 12, validation 4, test 4; 2 classes, groups ['sex'])
    """
    path = Path(path)
    frame = _read(path, encoding)
    for column in (target, *groups, *drop):
        if column not in frame:
            raise unknown_name(f"column of {path}", column, frame.columns)
    if target in groups:
        raise ValueError(f"{path}: column {target!r} cannot be both target and group")
    for column in (target, *groups):
        _require_filled(frame, column, path)
    hidden = {target, *drop, *(() if groups_as_features else groups)}
    columns = _features(frame.drop(columns=list(hidden)), path)
    classes, labels = _classes(frame[target])
    if len(classes) < 2:
        raise ValueError(f"{path}: target column {target!r} holds only {classes[0]!r}; at least two classes are needed")
    whole = Split(
        labels=labels,
        classes=classes,
        x=columns.to_numpy(np.float32),
        features=tuple(columns.columns),
        groups=frame[list(groups)].reset_index(drop=True) if groups else None,
        favourable=favourable_class(favourable, classes, str(path)),
    )
    return partition(
        checked(whole, str(path)),
        name=path.name.split(".")[0],
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        target=f"column {target!r} of {path.name}",
    )


def _read(path: Path, encoding: str) -> pd.DataFrame:
    """Read every cell as text, so that error messages can quote cells as written."""
    try:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False, header=None, encoding=encoding, skip_blank_lines=False)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give the path of a CSV file") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, row {_bad_row(path, encoding)}: {_decoding(error, encoding)}") from error
    except (LookupError, OSError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read as CSV: {str(error).strip()}") from error
    header = [str(name).strip() for name in cells.iloc[0]]
    duplicates = sorted({name for name in header if header.count(name) > 1})
    if duplicates:
        raise ValueError(f"{path}, row 1: column {duplicates[0]!r} appears {header.count(duplicates[0])} times; rename or drop one")
    if "" in header:
        raise ValueError(f"{path}, row 1: column {header.index('') + 1} has no name; name or remove it")
    if len(cells) == 1:
        raise ValueError(f"{path} has a header but no rows")
    body = cells.iloc[1:].set_axis(header, axis=1).reset_index(drop=True)
    return body.apply(lambda column: column.fillna("").str.strip())


def _bad_row(path: Path, encoding: str) -> int:
    """Find the first line (from 1) that does not decode; pandas reports only an offset within a buffer."""
    with get_handle(path, "rb", is_text=False, compression="infer") as file:
        for number, line in enumerate(file.handle, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return 1


def _decoding(error: UnicodeDecodeError, encoding: str) -> str:
    byte = error.object[error.start]
    return f"byte 0x{byte:02x} is not {encoding}; save the file as UTF-8 or give encoding= (latin-1 and cp1252 are common)"


def _missing(column: pd.Series) -> np.ndarray:
    return column.str.lower().isin(MISSING).to_numpy()


def _require_filled(frame: pd.DataFrame, column: str, path: Path) -> None:
    empty = np.flatnonzero(_missing(frame[column]))
    if len(empty):
        raise ValueError(
            f"{path}, row {empty[0] + 2}: column {column!r} is empty ({len(empty)} such row(s)); fill or remove those rows"
        )


def _features(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if not len(frame.columns):
        raise ValueError(f"{path} has no feature columns besides target, groups and dropped columns")
    pieces = []
    for name, column in frame.items():
        numbers = _numeric(column, str(name), path)
        pieces.append(numbers.rename(str(name)) if numbers is not None else pd.get_dummies(column, prefix=str(name)))
    return pd.concat(pieces, axis=1).astype(np.float32)


def _numeric(column: pd.Series, name: str, path: Path) -> pd.Series | None:
    """Return the column as numbers, or None if it holds text; a mix of both is an error."""
    missing = _missing(column)
    if missing.all():
        raise ValueError(f"{path}: column {name!r} is empty in every row; drop it")
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    texts = np.flatnonzero(numbers.isna().to_numpy() & ~missing)
    if len(texts) == len(column) - missing.sum():
        return None  # a categorical column, in which a missing value is a category of its own
    if len(texts):
        raise ValueError(
            f"{path}, row {texts[0] + 2}: column {name!r} holds {column[texts[0]]!r} among numbers; "
            "use only numbers or only text, or drop it"
        )
    if missing.any():
        row = np.flatnonzero(missing)[0]
        raise ValueError(f"{path}, row {row + 2}: column {name!r} is empty ({missing.sum()} such row(s)); fill or drop it")
    return numbers


def _classes(column: pd.Series) -> tuple[tuple[str, ...], np.ndarray]:
    """Sort numeric targets by value (2 before 10), others by name."""
    numbers = pd.to_numeric(column, errors="coerce")
    names = sorted(column.unique(), key=(lambda v: (float(v), v)) if numbers.notna().all() else str)
    return tuple(names), column.map({name: i for i, name in enumerate(names)}).to_numpy(np.int64)
