"""Audits as Parquet tables that other programs can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from labkit.audit import Audit


LARGE = 64 << 20  # bytes of predictions above which speed of compression comes before size


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet with zstd compression; a named index becomes columns.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
    plain = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    pq.write_table(pa.Table.from_pandas(plain, preserve_index=False), path, compression="zstd", compression_level=9)


def write_row(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of one row as Parquet: without pandas' description of it, which would be four fifths of the file.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    """
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
    table = pq.read_table(path)
    frame = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names if name != "probabilities"}
    result = pd.DataFrame(frame)
    if "probabilities" in table.column_names:
        chunk = table["probabilities"].combine_chunks()
        flat = chunk.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        result["probabilities"] = list(flat.reshape(len(table), -1))
    return result


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
