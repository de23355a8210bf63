"""`Session`: a model and a split to which many settings are applied, with everything those settings share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit import models
from labkit.audit import MEASURES, data_id, model_sha
from labkit.compress import METHODS, Method, get_method
from labkit.cost import Cost, cost
from labkit.data import Dataset, Split, load
from labkit.live.completion import completed, usable
from labkit.live.grid import Grid, key_of, load_grid
from labkit.live.prefix import PrefixCache
from labkit.live.progress import Progress
from labkit.live.reference import known_reference, known_sha
from labkit.training import predict

BATCH = 256
KEPT = 128  # finished audits: every step of a slider and more
SESSIONS = 4  # used last, kept by `session`


class Session:
    """A model and a split to which many settings are applied; keeps what they share. Thread-safe.

    Parameters
    ----------
    model : str or nn.Module
        A name that `labkit.models.load` knows, or a network of the user's own.
    split : Split
        What is audited.
    dataset : Dataset, Split, Tensor or dict of Tensors, optional
        Calibration inputs for methods that take some; of a data set its training part, as in `labkit compress` and `labkit sweep`,
        so that equal settings give equal networks. By default the data set that a reference model was trained on.
    """

    def __init__(self, model: str | nn.Module, split: Split, dataset: Any = None) -> None:
        self.split, self.data, self._dataset = split, data_id(split), dataset
        # a fixed shuffle: the first examples must be a fair sample even of a file sorted by class
        self.order = np.random.default_rng(0).permutation(len(split))
        self._source = model
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._loaded: tuple[nn.Module, PrefixCache] | None = None
        self._sha = known_sha(model) if isinstance(model, str) else None
        self._cost: Cost | None = None
        self._reference: dict[int, np.ndarray] = {}
        self._finished: OrderedDict[tuple, tuple[tuple, Progress]] = OrderedDict()  # with the measures of their time
        self._steps: dict[tuple, dict[float, pd.Series]] = {}

    @property
    def model(self) -> nn.Module:
        """The network, loaded when it is first needed: answers from the grid never wait for it."""
        return self._network()[0]

    @property
    def sha(self) -> str:
        """The network's fingerprint."""
        if self._sha is None:
            self._sha = model_sha(self.model)
        return self._sha

    @property
    def reference_cost(self) -> Cost:
        """Cost of the network for one example, without latency; counted once."""
        if self._cost is None:
            self._cost = cost(self.model, self.split.inputs(slice(0, 1)), seconds=0)
        return self._cost

    def data_for(self, method: Method, settings: dict[str, Any]) -> Any:
        """Return the data that a method takes at these settings.

        Parameters
        ----------
        method : Method
        settings : dict
            As ``method.settings`` returns them.

        Returns
        -------
        Dataset, Split, Tensor, dict of Tensors or None
            None for a method that takes none.

        Raises
        ------
        ValueError
            When the method takes calibration inputs and there are none.
        """
        if not method.takes_data(settings):
            return None
        if self._dataset is None:
            card = models.cards().get(self._source) if isinstance(self._source, str) else None
            if card is None:
                raise ValueError(
                    f"{method.name} needs calibration inputs, and only reference models have a known data set; "
                    "open the session with one: live.session(model, split, dataset)"
                )
            self._dataset = load(card.data)
        return self._dataset

    @property
    def calibration(self) -> Any:
        """Calibration inputs: the training part of the data set, or what was given instead of one; None before there is one."""
        return self._dataset.train if isinstance(self._dataset, Dataset) else self._dataset

    def _network(self) -> tuple[nn.Module, PrefixCache]:
        with self._loading:
            if self._loaded is None:
                network = models.load(self._source) if isinstance(self._source, str) else self._source
                network.eval()
                self._loaded = network, PrefixCache(network)
            return self._loaded

    def reference_logits(self, stop: int) -> np.ndarray:
        """Return outputs of the reference on the first `stop` examples of the order; shipped ones, or each batch run once.

        Parameters
        ----------
        stop : int

        Returns
        -------
        ndarray of float32, [stop, C]
        """
        shipped = known_reference(self.sha, self.data, len(self.split.classes))
        if shipped is not None:
            return shipped[self.order[:stop]]
        parts = []
        for start in range(0, stop, BATCH):
            with self._lock:
                known = self._reference.get(start)
            if known is None:
                known = predict(self.model, self._rows(start, start + BATCH))
                with self._lock:
                    self._reference[start] = known
            parts.append(known)
        return np.concatenate(parts)[:stop]

    def whole_reference(self) -> np.ndarray:
        """Return the outputs of the reference on the whole split, in the split's own order.

        Returns
        -------
        ndarray
            float32 [N, C].
        """
        shipped = known_reference(self.sha, self.data, len(self.split.classes))
        if shipped is not None:
            return shipped
        return self.in_order(self.reference_logits(len(self.split)))

    def in_order(self, logits: np.ndarray) -> np.ndarray:
        """Return outputs in the split's own order.

        Parameters
        ----------
        logits : float [N, C]
            In the shuffled order of the session.

        Returns
        -------
        ndarray
        """
        ordered = np.empty_like(logits)
        ordered[self.order] = logits
        return ordered

    def remember(self, key: tuple, answer: Progress) -> None:
        """Keep a finished answer, and drop the oldest beyond 128.

        Parameters
        ----------
        key : tuple
            Method, version and settings.
        answer : Progress
        """
        with self._lock:
            self._finished[key] = _measures(), answer
            while len(self._finished) > KEPT:
                self._finished.popitem(last=False)

    def recall(self, key: tuple) -> Progress | None:
        """Return a finished answer, if it is kept and has the figures of every measure that is registered now.

        Parameters
        ----------
        key : tuple
            Method, version and settings.

        Returns
        -------
        Progress or None
        """
        with self._lock:
            measures, answer = self._finished.get(key, ((), None))
        return answer if measures == _measures() else None

    def grid(self, method: Method, settings: dict[str, Any]) -> Grid | None:
        """Return the shipped grid that some settings belong to, if it has or can be given every figure.

        Parameters
        ----------
        method : Method
        settings : dict

        Returns
        -------
        Grid or None
        """
        if method is not METHODS.get(method.name) or not method.sliders:
            return None  # not a registered method, or one without a slider
        grid = load_grid(key_of(method.name, settings, self.sha, self.data))
        return grid if grid is not None and usable(grid, self.split) else None

    def _summaries(self, grid: Grid) -> dict[float, pd.Series]:
        """The figures of every step of a grid, those of measures that it lacks computed once."""
        known = (grid.key, _measures())
        with self._lock:
            found = self._steps.get(known)
        if found is None:
            found = {value: completed(grid, value, self.split, self.whole_reference) for value in grid.values}
            with self._lock:
                self._steps[known] = found
        return dict(found)

    def steps(self, method: str | Method, params: dict[str, Any]) -> dict[float, pd.Series]:
        """Return value of the slider -> summary for every step that is known exactly: audited in the grid, or finished since.

        Parameters
        ----------
        method : str or Method
        params : dict
            Parameters of the method; the value of its slider does not matter.

        Returns
        -------
        dict of float to Series

        Raises
        ------
        ValueError
            For an unknown method or bad parameters.
        """
        method = method if isinstance(method, Method) else get_method(method)
        slider = next(iter(method.sliders), None)
        if slider is None:
            return {}
        settings = method.settings(params)
        grid = self.grid(method, settings)
        known = {} if grid is None else self._summaries(grid)
        with self._lock:
            finished = list(self._finished.items())
        for (name, version, pairs), (measures, answer) in finished:
            same = (name, version, measures) == (method.name, method.version, _measures())
            if same and {**dict(pairs), slider: None} == {**settings, slider: None}:
                known.setdefault(float(dict(pairs)[slider]), answer.audit.summary)
        return dict(sorted(known.items()))

    def outputs(self, small: nn.Module, changed: set[str], start: int, stop: int) -> np.ndarray:
        """Return outputs [stop - start, C] of a compressed copy on examples start … stop of the order.

        Parameters
        ----------
        small : nn.Module
        changed : set of str
            Paths of the layers in which it differs from the reference.
        start, stop : int

        Returns
        -------
        ndarray of float32
        """
        x = self._rows(start, stop).inputs()
        with torch.inference_mode():
            return self._network()[1].run(small, changed, x, (start, stop)).float().numpy()

    def _rows(self, start: int, stop: int) -> Split:
        return self.split.subset(self.order[start : min(stop, len(self.order))])


def _measures() -> tuple[tuple[str, int], ...]:
    """Names and versions of the measures that are always computed."""
    return tuple((measure.key, measure.version) for measure in MEASURES.values() if measure.when == "always")


_SESSIONS: OrderedDict[tuple, Session] = OrderedDict()
_SESSIONS_LOCK = threading.Lock()


def session(model: str | nn.Module, split: Split, dataset: Any = None) -> Session:
    """Return the session of this model, split and data set, made on first use; the four used last are kept.

    Parameters
    ----------
    model : str or nn.Module
    split : Split
    dataset : Dataset, Split, Tensor or dict of Tensors, optional
        As `Session` takes them.

    Returns
    -------
    Session
    """
    key = (model if isinstance(model, str) else id(model), id(split), id(dataset))
    with _SESSIONS_LOCK:
        if key in _SESSIONS:
            _SESSIONS.move_to_end(key)
            return _SESSIONS[key]
    made = Session(model, split, dataset)
    with _SESSIONS_LOCK:
        kept = _SESSIONS.setdefault(key, made)
        while len(_SESSIONS) > SESSIONS:
            _SESSIONS.popitem(last=False)
    return kept


def forget() -> None:
    """Drop every session, e.g. when a model on disk has changed."""
    with _SESSIONS_LOCK:
        _SESSIONS.clear()
