"""The audited grid: for every slider step, the exact figures on the whole test part, shipped as Parquet."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from torch import nn

from labkit.audit import Audit, audit, audit_logits, data_id, model_sha
from labkit.compress import get_method
from labkit.cost import Cost
from labkit.data import Split
from labkit.files import atomic_path
from labkit.layers.manifest import reason_of
from labkit.training import predict

SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Key:
    """Identity of a grid: the slider of a method on one model and split, with its other parameters fixed; see `key_of`.

    Parameters
    ----------
    method : str
    version : int
    fixed : str
        Canonical JSON of the method's other parameters.
    model_sha, data_id : str
    """

    method: str
    version: int
    fixed: str
    model_sha: str
    data_id: str

    @property
    def file(self) -> str:
        """Name of its file."""
        digest = hashlib.sha256(self.fixed.encode()).hexdigest()[:8]
        return f"{self.method}-{self.version}-{digest}-{self.model_sha}-{self.data_id}.parquet"


def key_of(method: str, settings: dict[str, Any], model_sha: str, data_id: str) -> Key:
    """Return the key of the grid that would hold some settings.

    Parameters
    ----------
    method : str
    settings : dict
        Parameters of the method; defaults for the rest.
    model_sha, data_id : str

    Returns
    -------
    Key
    """
    chosen, slider = get_method(method), slider_of(method)
    others = {name: value for name, value in chosen.settings(settings).items() if name != slider}
    return Key(method, chosen.version, json.dumps(others, sort_keys=True, default=str), model_sha, data_id)


def slider_of(method: str) -> str:
    """Return the name of the method's first slider, the one the grid runs over.

    Parameters
    ----------
    method : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        When the method has none.
    """
    for name in get_method(method).sliders:
        return name
    raise ValueError(f"{method} has no numeric parameter, so it has no grid")


class Grid:
    """Audits of every step of one slider.

    One row per step in the file: ``value`` of the slider, ``summary`` and ``cost`` as JSON, and one code per example for the
    predicted class and for its probability (see `pack`), from which tables are recomputed; figures and predicted classes are exact.

    Parameters
    ----------
    key : Key
    rows : DataFrame
    """

    def __init__(self, key: Key, rows: pd.DataFrame) -> None:
        self.key, self.rows = key, rows.set_index("value").sort_index()
        self.slider = slider_of(key.method)

    @property
    def values(self) -> list[float]:
        """Values of the slider, in increasing order."""
        return [float(value) for value in self.rows.index]

    def holds(self, value: float) -> bool:
        """Return whether this value of the slider is a step of the grid.

        Parameters
        ----------
        value : float
            Of the slider.

        Returns
        -------
        bool
        """
        return self._nearest(value) is not None

    def summary(self, value: float) -> dict[str, float]:
        """Return the stored figures of one step.

        Parameters
        ----------
        value : float
            Of the slider.

        Returns
        -------
        dict of str to float
        """
        return json.loads(self.rows.loc[self._nearest(value), "summary"])

    def cost(self, value: float) -> Cost:
        """Return the stored cost of one step.

        Parameters
        ----------
        value : float
            Of the slider.

        Returns
        -------
        Cost
        """
        return Cost.from_dict(json.loads(self.rows.loc[self._nearest(value), "cost"]))

    def logits(self, value: float, classes: int) -> np.ndarray:
        """Return log-probabilities of one step, as exact as `pack` keeps them.

        Parameters
        ----------
        value : float
            Of the slider.
        classes : int

        Returns
        -------
        ndarray
            float32 [N, classes].
        """
        row = self.rows.loc[self._nearest(value)]
        return unpack(row["predicted"], row["confidence"], classes)

    def audit(self, value: float, split: Split, reference_logits: np.ndarray | None) -> Audit:
        """Return the audit of one step; its exact figures come from the file, tables are recomputed from the predictions.

        Parameters
        ----------
        value : float
            Of the slider, a step of the grid.
        split : Split
        reference_logits : ndarray, [N, C], optional

        Returns
        -------
        Audit
        """
        found = audit_logits(self.logits(value, len(split.classes)), split, reference_logits)
        stored = pd.Series(self.summary(value), dtype=float)
        return replace(found, summary=stored, cost=self.cost(value), reference_sha=self.key.model_sha)

    def _nearest(self, value: float) -> float | None:
        index = self.rows.index.to_numpy()
        place = int(np.abs(index - value).argmin())
        return float(index[place]) if abs(index[place] - value) < 1e-9 else None


def pack(logits: np.ndarray) -> tuple[bytes, bytes]:
    """Return predicted classes and their probabilities as codes of the types that `code_types` gives.

    Parameters
    ----------
    logits : ndarray, [N, C]

    Returns
    -------
    predicted, confidence : bytes
        N codes each; probabilities in steps of 1 over the largest code.
    """
    classes = logits.shape[1]
    kind, fraction = code_types(classes)
    full = np.iinfo(fraction).max
    predicted = logits.argmax(axis=1)
    confidence = np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))
    lowest = full // classes + 1  # above 1 / classes, so that the predicted class stays the largest
    codes = np.clip(np.round(full * confidence), min(lowest, full), full)
    return predicted.astype(kind).tobytes(), codes.astype(fraction).tobytes()


def unpack(predicted: bytes, confidence: bytes, classes: int) -> np.ndarray:
    """Return log-probabilities from what `pack` kept; what the predicted class leaves is spread evenly over the others.

    Parameters
    ----------
    predicted, confidence : bytes
    classes : int
        C.

    Returns
    -------
    ndarray of float32, [N, C]
    """
    kind, fraction = code_types(classes)
    winner = np.frombuffer(predicted, kind).astype(np.int64)
    top = np.frombuffer(confidence, fraction).astype(np.float32) / np.float32(np.iinfo(fraction).max)
    rest = np.log(np.maximum(1 - top, 1e-6) / max(1, classes - 1))
    logits = np.repeat(rest[:, None], classes, axis=1)
    logits[np.arange(len(winner)), winner] = np.log(top)
    return logits


def code_types(classes: int) -> tuple[type[np.unsignedinteger], type[np.unsignedinteger]]:
    """Return the integer types that a file keeps predicted classes and probabilities in.

    Parameters
    ----------
    classes : int

    Returns
    -------
    (type, type)
        Of a byte each up to 256 classes; beyond, probabilities have 16 bits, and classes as many as their number takes.

    Examples
    --------
    >>> code_types(10), code_types(1000)
    ((<class 'numpy.uint8'>, <class 'numpy.uint8'>), (<class 'numpy.uint16'>, <class 'numpy.uint16'>))
    """
    if classes <= 256:
        return np.uint8, np.uint8
    return (np.uint16 if classes <= 65_536 else np.uint32), np.uint16


def make_grid(
    method: str,
    model: nn.Module,
    split: Split,
    reference_logits: np.ndarray,
    fixed: dict[str, Any],
    *,
    data: Any = None,
    report: Callable[[int, int, str], None] | None = None,
) -> Grid:
    """Audit every step of the method's slider on the whole split, beside the reference.

    Parameters
    ----------
    method : str
    model : nn.Module
        The reference.
    split : Split
    reference_logits : ndarray, [N, C]
    fixed : dict
        The method's other parameters.
    data : Dataset, Split, Tensor or dict of Tensors, optional
        Calibration inputs, for a method that takes some at these settings; never the audited split.
    report : callable (done, total, sentence), optional

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        For an unknown method, one without a slider, bad parameters, or calibration inputs that are needed and absent.
    """
    chosen, slider = get_method(method), slider_of(method)
    key = key_of(method, fixed, model_sha(model), data_id(split))
    steps = chosen.sliders[slider].grid()
    rows = []
    for number, value in enumerate(steps):
        small = chosen(model, data=data, **{**fixed, slider: value})
        logits = predict(small, split)
        found = audit(small, split, reference=model, logits=logits, reference_logits=reference_logits, seconds=0.15)
        facts, (predicted, confidence) = found.to_dict(), pack(logits)
        texts = {name: json.dumps(facts[name]) for name in ("summary", "cost")}
        rows.append({"value": float(value), **texts, "predicted": predicted, "confidence": confidence})
        if report:
            report(number + 1, len(steps), f"{method} {slider}={value}")
    return Grid(key, pd.DataFrame(rows))


def save_grid(grid: Grid, folder: str | os.PathLike) -> Path:
    """Write one Parquet file atomically.

    Parameters
    ----------
    grid : Grid
    folder : path

    Returns
    -------
    Path
    """
    table = pa.Table.from_pandas(grid.rows.reset_index(), preserve_index=False)
    path = Path(folder) / grid.key.file
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", compression_level=19, use_dictionary=False)
    return path


@lru_cache(maxsize=16)
def load_grid(key: Key, folder: Path = SHIPPED) -> Grid | None:
    """Return the grid of this method, model and split.

    Parameters
    ----------
    key : Key
    folder : Path

    Returns
    -------
    Grid or None
        None where there is no file.
    """
    path = folder / key.file
    if not path.is_file():
        return None
    try:
        return Grid(key, pq.read_table(path).to_pandas())
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:  # damaged: every step is computed when it is asked for
        warnings.warn(
            f"{path} is ignored, since it is damaged ({reason_of(error)}): its steps are computed when they are asked for; install "
            "labkit again to have them at once",
            stacklevel=2,
        )
        return None
