"""The id of a run: equal for equal method, version, parameters, model, data and seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from labkit.words import shortly

TRAINED = "train_"  # prefix of the rule in the method of a run that was trained from scratch


def run_id(*, method: str, version: int, parameters: dict[str, Any], model_sha: str, data_id: str, seed: int) -> str:
    """Return the id of a run: 16 hexadecimal digits of the SHA-256 of the canonical JSON of its six facts.

    The version of the code is not among them, so unrelated commits leave ids unchanged.

    Parameters
    ----------
    method : str
    version : int
        Of the method.
    parameters : dict
    model_sha : str
        Fingerprint of the network that was compressed.
    data_id : str
        Fingerprint of the audited split.
    seed : int

    Returns
    -------
    str

    Raises
    ------
    TypeError
        When a parameter is not plain JSON.
    """
    facts = [method, version, parameters, model_sha, data_id, seed]
    try:
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"parameters of a run must be numbers, words, lists or dicts, got {shortly(parameters)} ({error})"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]
