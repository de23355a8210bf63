"""The user's own CSV as a `Dataset`: errors name the file, the row and the column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from labkit.data.checks import checked
from labkit.data.partition import partition
from labkit.data.split import Dataset, Split
from labkit.messages import unknown_name

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


def from_csv(
    path: str | Path,
    *,
    target: str,
    groups: Sequence[str] = (),
    groups_as_features: bool = False,
    drop: Sequence[str] = (),
    encoding: str = "utf-8",
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Load a CSV with a header row; numeric columns are taken as they are, text columns become one-hot columns.

    Parameters
    ----------
    path : path
        Read as is; a name ending in ``.gz``, ``.bz2``, ``.xz`` or ``.zip`` is decompressed.
    target : str
        The column to predict; its distinct values, sorted, are the classes.
    groups : sequence of str
        Sensitive columns (kept as `Split.groups`).
    groups_as_features : bool
        Whether the model may see the sensitive columns too.
    drop : sequence of str
        Columns to ignore, e.g. an identifier.
    encoding : str
        Text encoding of the file.

    Raises
    ------
    ValueError
        When the file cannot be read, a column is unknown, doubled or empty, a target, group or numeric cell is missing, or a
        column mixes numbers and words; the sentence names file, row (the header is row 1) and column.

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
        raise ValueError(f"{path}: column {target!r} cannot be the target and a group at once")
    for column in (target, *groups):
        _require_filled(frame, column, path)
    hidden = {target, *drop, *(() if groups_as_features else groups)}
    columns = _features(frame.drop(columns=list(hidden)), path)
    classes, labels = _classes(frame[target])
    if len(classes) < 2:
        raise ValueError(f"{path}: target column {target!r} only ever holds {classes[0]!r}; at least two classes are needed")
    whole = Split(
        labels=labels,
        classes=classes,
        x=columns.to_numpy(np.float32),
        features=tuple(columns.columns),
        groups=frame[list(groups)].reset_index(drop=True) if groups else None,
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
    """Read every cell as text, so that each later complaint can quote the cell as written."""
    try:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False, header=None, encoding=encoding, skip_blank_lines=False)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give the path of a CSV file") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, row {_bad_row(path, encoding)}: {_decoding(error, encoding)}") from error
    except (LookupError, OSError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read as CSV: {str(error).strip()}") from error
    header = [str(name).strip() for name in cells.iloc[0]]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise ValueError(f"{path}, row 1: column {doubled[0]!r} appears {header.count(doubled[0])} times; rename or drop one")
    if "" in header:
        raise ValueError(f"{path}, row 1: column {header.index('') + 1} has no name; name or remove it")
    if len(cells) == 1:
        raise ValueError(f"{path} has a header but no rows")
    body = cells.iloc[1:].set_axis(header, axis=1).reset_index(drop=True)
    return body.apply(lambda column: column.fillna("").str.strip())


def _bad_row(path: Path, encoding: str) -> int:
    """Find the first line (from 1) that does not decode; pandas reports an offset within some buffer."""
    from pandas.io.common import get_handle

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
        raise ValueError(f"{path} has no feature columns left beside target, groups and dropped columns")
    pieces = []
    for name, column in frame.items():
        numbers = _numeric(column, str(name), path)
        pieces.append(numbers.rename(str(name)) if numbers is not None else pd.get_dummies(column, prefix=str(name)))
    return pd.concat(pieces, axis=1).astype(np.float32)


def _numeric(column: pd.Series, name: str, path: Path) -> pd.Series | None:
    """Return the column as numbers, or None when it holds words; a mix of both is an error."""
    missing = _missing(column)
    if missing.all():
        raise ValueError(f"{path}: column {name!r} is empty in every row; drop it")
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    words = np.flatnonzero(numbers.isna().to_numpy() & ~missing)
    if len(words) == len(column) - missing.sum():
        return None  # only words: a category, in which a missing value is one more category
    if len(words):
        raise ValueError(
            f"{path}, row {words[0] + 2}: column {name!r} holds {column[words[0]]!r} among numbers; "
            "make it all numbers, all words, or drop it"
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
