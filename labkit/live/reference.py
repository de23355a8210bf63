"""Stored predictions of the shipped reference models, so that no slider waits for a model to be loaded and run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from labkit import models
from labkit.files import atomic_path
from labkit.live.fingerprint import Fingerprint, fingerprint
from labkit.live.grid import SHIPPED, pack, unpack


def save_reference(name: str, model_sha: str, data_id: str, logits: np.ndarray, folder: Path = SHIPPED) -> Path:
    """Write the predictions of a reference model with shipped weights.

    Parameters
    ----------
    name : str
    model_sha, data_id : str
    logits : ndarray, [N, C]
    folder : Path

    Returns
    -------
    Path
    """
    predicted, confidence = pack(logits)
    weights = models.cards()[name].sha256
    table = pd.DataFrame([{"model": name, "weights": weights, "predicted": predicted, "confidence": confidence}])
    path = folder / f"reference-{model_sha}-{data_id}.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), temporary, compression="zstd", use_dictionary=False)
    return path


def known_sha(name: str) -> str | None:
    """Return the fingerprint of a reference model without loading it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str or None
        None unless its weights are those that the grids were made with.
    """
    card = models.cards().get(name)
    return None if card is None else known_shas().get((name, card.sha256))


@lru_cache(maxsize=1)
def known_shas() -> dict[tuple[str, str], str]:
    """Return the fingerprints of all reference models with stored predictions.

    Returns
    -------
    dict of (str, str) to str
        (Name, hash of the file of weights) -> fingerprint.
    """
    found = {}
    for path in SHIPPED.glob("reference-*.parquet"):
        row = pq.read_table(path, columns=["model", "weights"]).to_pylist()[0]
        found[row["model"], row["weights"]] = path.name.split("-")[1]
    return found


def shipped_fingerprint(name: str) -> Fingerprint:
    """Return everything that the figures of a reference model depend on, as it ships.

    Parameters
    ----------
    name : str

    Returns
    -------
    Fingerprint
    """
    return _loaded(name, models.cards()[name].sha256)


@lru_cache(maxsize=8)
def _loaded(name: str, weights: str) -> Fingerprint:
    return fingerprint(models.load(name))


@lru_cache(maxsize=8)
def known_reference(model_sha: str, data_id: str, classes: int) -> np.ndarray | None:
    """Return the stored predictions of a reference model.

    Parameters
    ----------
    model_sha, data_id : str
    classes : int

    Returns
    -------
    ndarray of float32, [N, classes], or None
        Log-probabilities, as exact as `pack` keeps them.
    """
    path = SHIPPED / f"reference-{model_sha}-{data_id}.parquet"
    if not path.is_file():
        return None
    row = pq.read_table(path, columns=["predicted", "confidence"]).to_pylist()[0]
    return unpack(row["predicted"], row["confidence"], classes)
