"""The network a run is compared with, its data and its outputs on the test part, loaded once per process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from labkit import models
from labkit.audit import data_id, model_sha
from labkit.data import Dataset, open_dataset
from labkit.runs.sources import check_same, reopen, sources_of
from labkit.stamps import stamp
from labkit.training import predict

if TYPE_CHECKING:
    from labkit.runs.run import Run


@dataclass(frozen=True, eq=False)
class Reference:
    """A network and its data, with the outputs on the test part, the fingerprints of both, and where they came from."""

    network: nn.Module
    dataset: Dataset
    logits: np.ndarray
    sha: str
    data_id: str
    sources: dict[str, Any] = field(default_factory=dict)


def reference(
    model: str, data: str, model_options: Mapping[str, Any] | None = None, data_options: Mapping[str, Any] | None = None
) -> Reference:
    """Load a model and its data, and run it on the test part.

    Parameters
    ----------
    model : str
        As `labkit.models.load` takes it; a timm model is built for the classes, channels and picture size of the data.
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
    options, further = dict(model_options or {}), dict(data_options or {})
    stamps = [stamp(options.get("weights")), stamp(data)]  # a file that was written again is read again
    # as JSON text: options may be lists, which a cache cannot hash
    return _loaded(json.dumps([model, data, options, further], sort_keys=True, default=str), *stamps)


def reference_of(run: Run, name: str | None = None) -> Reference:
    """Open the network and the data of a run from where they came, and run it on the test part.

    Parameters
    ----------
    run : Run
    name : str, optional
        Of a network of the user's own, which a stored run does not open by itself.

    Returns
    -------
    Reference

    Raises
    ------
    ValueError
        When either cannot be opened, or is not the one of the run any more.
    """
    if not run.sources and name is None and not run.model.startswith("timm:"):
        found = reference(run.model, run.data)
        check_same(run, found.network, found.dataset, run.model)
        return found
    network, dataset = reopen(run, model=name)
    return _run(network, dataset, run.model, run.data, run.sources)


@lru_cache(maxsize=4)
def _loaded(source: str, *_: str) -> Reference:
    model, data, model_options, data_options = json.loads(source)
    dataset = open_dataset(data, **data_options)
    network = models.load(model, **(models.options_for(model, dataset, model_options) | model_options))
    return _run(network, dataset, model, data, sources_of(network, data, **data_options))


def _run(network: nn.Module, dataset: Dataset, model: str, data: str, sources: dict[str, Any]) -> Reference:
    split = dataset.test
    models.check_takes(network, split, model, data)
    return Reference(network, dataset, predict(network, split), model_sha(network), data_id(split), sources)
