"""The network a run is compared with, its data and its outputs on the test part, loaded once per process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from torch import nn

from labkit import data as datasets
from labkit import models
from labkit.audit import data_id, model_sha
from labkit.data import Dataset
from labkit.training import predict


@dataclass(frozen=True, eq=False)
class Reference:
    """A network and its data, with the outputs on the test part and the fingerprints of both."""

    network: nn.Module
    dataset: Dataset
    logits: np.ndarray
    sha: str
    data_id: str


def reference(
    model: str, data: str, model_options: Mapping[str, Any] | None = None, data_options: Mapping[str, Any] | None = None
) -> Reference:
    """Load a model and its data, and run it on the test part.

    Parameters
    ----------
    model : str
        As `labkit.models.load` takes it.
    data : str
        As `labkit.data.open_dataset` takes it.
    model_options, data_options : mapping, optional
        Further arguments of both.

    Returns
    -------
    Reference

    Raises
    ------
    ValueError
        When the model does not take the examples of the data.
    """
    # as JSON text: options may be lists, which a cache cannot hash
    return _loaded(json.dumps([model, data, model_options or {}, data_options or {}], sort_keys=True, default=str))


@lru_cache(maxsize=4)
def _loaded(source: str) -> Reference:
    model, data, model_options, data_options = json.loads(source)
    network = models.load(model, **model_options)
    dataset = datasets.open_dataset(data, **data_options)
    split = dataset.test
    try:
        logits = predict(network, split)
    except (RuntimeError, IndexError) as error:
        shape = list(split.inputs(slice(0, 1)).shape)
        reason = str(error).splitlines()[0]
        raise ValueError(f"{model} does not take the examples of {data} (float32 {shape}): {reason}") from error
    return Reference(network, dataset, logits, model_sha(network), data_id(split))
