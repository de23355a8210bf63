"""Audits as Parquet tables that other programs can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from labkit.runs.checking import brief, file_problem

if TYPE_CHECKING:
    from labkit.audit import Audit

MOST_VALUES = 2**28  # of a table: examples times classes; a small file may promise many more


LARGE = 64 << 20  # bytes of predictions above which speed of compression comes before size


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet with zstd compression; a named index becomes columns.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
    plain = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    with _storable(path):
        table = pa.Table.from_pandas(plain, preserve_index=False)
    pq.write_table(table, path, compression="zstd", compression_level=9)


def write_extra(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of a measure as Parquet, with its index as it is.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
    with _storable(path):
        table = pa.Table.from_pandas(frame)
    pq.write_table(table, path, compression="zstd")


@contextmanager
def _storable(path: Path) -> Iterator[None]:
    """Say of a table that Parquet cannot hold which one it is."""
    try:
        yield
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        name = path.name.partition(".parquet")[0]
        raise ValueError(f"table {name} of the run cannot be stored as Parquet ({brief(error)}); give plain columns") from error


def write_row(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of one row as Parquet: without pandas' description of it, which would be four fifths of the file.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
    with _storable(path):
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False, store_schema=False)


def write_predictions(predictions: pd.DataFrame, path: Path, *, compact: bool = False) -> None:
    """Write predictions.

    Column types do not depend on the data or on `compact`, so that one glob pattern reads the files of many runs.

    Parameters
    ----------
    predictions : DataFrame
    path : Path
    compact : bool
        Round probabilities to steps of 1/256, which compresses far better.
    """
    columns: dict[str, Any] = {}
    for name, column in predictions.items():
        if name == "probabilities":
            matrix = np.stack(column.to_numpy()).astype(np.float32, copy=False)
            matrix = (np.round(256 * matrix) / 256).astype(np.float32) if compact else matrix
            ends = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
            columns[str(name)] = pa.ListArray.from_arrays(pa.array(ends), pa.array(matrix.ravel()))
        else:
            columns[str(name)] = pa.array(column.to_numpy().astype(np.int32))
    # dictionary encoding for few distinct values, deltas for counting numbers, byte streams for floats
    element = "probabilities.list.element"
    encoding = {"index": "DELTA_BINARY_PACKED", **({} if compact else {element: "BYTE_STREAM_SPLIT"})}
    paths = [element if name == "probabilities" else name for name in columns]
    dictionary = [path for path in paths if path not in encoding]
    encoding = {path: kind for path, kind in encoding.items() if path in paths}
    table = pa.table(columns)
    level = 1 if table.nbytes > LARGE else 9
    pq.write_table(table, path, compression="zstd", compression_level=level, use_dictionary=dictionary, column_encoding=encoding)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read what `write_predictions` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    DataFrame
        int64 and float32 columns.
    """
    table = read_arrow(path)
    frame = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names if name != "probabilities"}
    result = pd.DataFrame(frame)
    if "probabilities" in table.column_names:
        chunk = table["probabilities"].combine_chunks()
        flat = chunk.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        result["probabilities"] = list(flat.reshape(len(table), -1))
    return result


def read_arrow(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file after a look at how much it holds.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Only these.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        For more than `MOST_VALUES` values.
    """
    with pq.ParquetFile(path) as file:
        facts = file.metadata
        groups = [facts.row_group(group) for group in range(facts.num_row_groups)]
        values = sum(group.column(place).num_values for group in groups for place in range(facts.num_columns))
        if max(values, facts.num_rows) > MOST_VALUES:
            raise ValueError(f"it holds {max(values, facts.num_rows):,} values, and at most {MOST_VALUES:,} are read")
        return file.read(None if columns is None else list(columns))


@contextmanager
def reading(folder: Path, name: str) -> Iterator[Path]:
    """Check a file of a run, and name it in whatever goes wrong while it is read.

    Parameters
    ----------
    folder : Path
        Of the run.
    name : str

    Yields
    ------
    Path
        The file.

    Raises
    ------
    ValueError
        When it does not match its checksum or cannot be read.
    """
    try:
        problem = file_problem(folder, name)
        if not problem:
            yield folder / name
    except Exception as error:  # files of strangers end in errors of any type
        raise ValueError(f"run {folder.name} is damaged: {name} cannot be read ({brief(error)})") from error
    if problem:
        raise ValueError(f"run {folder.name} is damaged: {problem}")


def read_table(folder: Path, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of a run.

    Parameters
    ----------
    folder : Path
        Of the run.
    name : str
        Of the file.
    columns : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        When the file does not match its checksum or is no table.
    """
    with reading(folder, name) as path:
        table: pd.DataFrame = read_arrow(path, columns).to_pandas()
        return table


def metrics_row(audit: Audit, facts: dict[str, Any]) -> pd.DataFrame:
    """Return one wide row: identity, ``param.NAME`` columns, and every figure of the summary.

    Parameters
    ----------
    audit : Audit
    facts : dict
        Of ``run.json``.

    Returns
    -------
    DataFrame
    """
    identity = {key: facts[key] for key in ("id", "method", "version", "model", "data", "seed", "model_sha", "data_id", "created")}
    parameters = {f"param.{name}": _scalar(value) for name, value in facts["parameters"].items()}
    return pd.DataFrame([{**identity, **parameters, **{str(k): _scalar(v) for k, v in audit.summary.items()}}])


def _scalar(value: Any) -> Any:
    """Convert lists and dicts to text, so that all columns are plain."""
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)
