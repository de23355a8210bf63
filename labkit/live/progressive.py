"""`progressive_audit`: an answer within a moment, refined to the whole split, cancellable at any time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit import models
from labkit.audit import Audit, audit_logits, data_id, model_sha
from labkit.compress import METHODS, Method, get_method, sharing
from labkit.cost import Cost, cost
from labkit.data import Split
from labkit.layers import describe_layers
from labkit.live.grid import Grid, key_of, load_grid
from labkit.live.prefix import PrefixCache
from labkit.live.reference import known_reference, known_sha
from labkit.training import predict

BATCH = 256
# one batch at a time in the whole process: two jobs that each want all cores take ten times as long, and time each other's latency
_TURN = threading.Lock()
KEPT = 128  # finished audits: every step of a slider and more


class Cancel(Protocol):
    """Anything with ``is_set()``, e.g. threading.Event."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Progress:
    """One answer of a progressive audit.

    Attributes
    ----------
    audit : Audit
        Of the first `examples` examples of the (fixed, shuffled) order; its intervals say how much that tells.
    examples, total : int
    exact : bool
        Whether the whole split is in it.
    source : {"grid", "memory", "computed"}
    sharing : DataFrame, optional
        Which layers of the compressed network share a basis, see `labkit.compress.sharing`; None where none do.
    """

    audit: Audit
    examples: int
    total: int
    source: str
    sharing: pd.DataFrame | None = None

    @property
    def exact(self) -> bool:
        return self.examples == self.total


class Session:
    """A model and a split to which many settings are applied; keeps what they share. Thread-safe.

    Parameters
    ----------
    model : str or nn.Module
        A name that `labkit.models.load` knows, or a network of the user's own.
    split : Split
        What is audited.
    calibration : Split, optional
        Inputs for methods that look at some; never the audited ones.
    """

    def __init__(self, model: str | nn.Module, split: Split, calibration: Split | None = None) -> None:
        self.split, self.data, self.calibration = split, data_id(split), calibration
        # a fixed shuffle: the first examples must be a fair sample even of a file sorted by class
        self.order = np.random.default_rng(0).permutation(len(split))
        self._source = model
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._loaded: tuple[nn.Module, PrefixCache] | None = None
        self._sha = known_sha(model) if isinstance(model, str) else None
        self._cost: Cost | None = None
        self._reference: dict[int, np.ndarray] = {}
        self._finished: OrderedDict[tuple, Progress] = OrderedDict()

    @property
    def model(self) -> nn.Module:
        """The network, loaded when it is first needed: what the grid answers never waits for it."""
        return self._network()[0]

    @property
    def sha(self) -> str:
        """The network's fingerprint."""
        if self._sha is None:
            self._sha = model_sha(self.model)
        return self._sha

    @property
    def reference_cost(self) -> Cost:
        """What the network costs for one example, latency left out; counted once."""
        if self._cost is None:
            self._cost = cost(self.model, self.split.inputs(slice(0, 1)), seconds=0)
        return self._cost

    def _network(self) -> tuple[nn.Module, PrefixCache]:
        with self._loading:
            if self._loaded is None:
                network = models.load(self._source) if isinstance(self._source, str) else self._source
                network.eval()
                self._loaded = network, PrefixCache(network)
            return self._loaded

    def reference_logits(self, stop: int) -> np.ndarray:
        """Outputs of the reference on the first `stop` examples of the order, as shipped or else run once a batch."""
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
        """Outputs of the reference on the whole split, in the split's own order."""
        shipped = known_reference(self.sha, self.data, len(self.split.classes))
        if shipped is not None:
            return shipped
        logits = self.reference_logits(len(self.split))
        ordered = np.empty_like(logits)
        ordered[self.order] = logits
        return ordered

    def remember(self, key: tuple, answer: Progress) -> None:
        """Keep a finished answer; the oldest gives way."""
        with self._lock:
            self._finished[key] = answer
            while len(self._finished) > KEPT:
                self._finished.popitem(last=False)

    def recall(self, key: tuple) -> Progress | None:
        """Return a finished answer, if it is kept."""
        with self._lock:
            return self._finished.get(key)

    def steps(self, method: str | Method, params: dict[str, Any]) -> dict[float, pd.Series]:
        """Return value of the slider -> summary for every step that is known exactly: audited in the grid, or finished since.

        Parameters
        ----------
        method : str or Method
        params : dict
            Parameters of the method; the value of its slider does not matter.
        """
        way = method if isinstance(method, Method) else get_method(method)
        slider = next(iter(way.sliders), None)
        if slider is None:
            return {}
        settings = way.settings(params)
        grid = _grid_of(self, way, settings)
        known = {} if grid is None else grid.summaries()
        with self._lock:
            finished = list(self._finished.items())
        for (name, version, pairs), answer in finished:
            if (name, version) == (way.name, way.version) and {**dict(pairs), slider: None} == {**settings, slider: None}:
                known.setdefault(float(dict(pairs)[slider]), answer.audit.summary)
        return dict(sorted(known.items()))

    def outputs(self, small: nn.Module, changed: set[str], start: int, stop: int) -> np.ndarray:
        """Outputs of a compressed copy on examples start … stop of the order."""
        x = self._rows(start, stop).inputs()
        with torch.inference_mode():
            return self._network()[1].run(small, changed, x, (start, stop)).float().numpy()

    def _rows(self, start: int, stop: int) -> Split:
        return self.split.subset(self.order[start : min(stop, len(self.order))])


_SESSIONS: OrderedDict[tuple, Session] = OrderedDict()
_SESSIONS_LOCK = threading.Lock()


def session(model: str | nn.Module, split: Split, calibration: Split | None = None) -> Session:
    """Return the session of this model and split, made on first use; the four used last are kept."""
    key = (model if isinstance(model, str) else id(model), id(split), id(calibration))
    with _SESSIONS_LOCK:
        if key in _SESSIONS:
            _SESSIONS.move_to_end(key)
            return _SESSIONS[key]
    made = Session(model, split, calibration)
    with _SESSIONS_LOCK:
        kept = _SESSIONS.setdefault(key, made)
        while len(_SESSIONS) > 4:
            _SESSIONS.popitem(last=False)
    return kept


def progressive_audit(
    method: str | Method,
    params: dict[str, Any],
    split: Split,
    first: int = 256,
    cancel: Cancel | None = None,
    *,
    model: str | nn.Module | Session,
    seconds: float = 0.05,
    use_grid: bool = True,
) -> Iterator[Progress]:
    """Compress and audit, answering after `first` examples and then after each doubling, until the whole split is in.

    A step of the shipped grid, or a setting that was finished before, is answered at once and exactly. A cancelled audit stops
    between batches, keeps nothing and yields nothing more.

    Parameters
    ----------
    method : str or Method
    params : dict
        Parameters of the method; defaults for the rest.
    split : Split
    first : int
        Examples in the first answer.
    cancel : object with ``is_set()``, optional
        E.g. a threading.Event.
    model : str, nn.Module or Session
        What is compressed, and the reference of every audit.
    seconds : float
        Time spent on latency, in the first answer.
    use_grid : bool
        Whether stored answers may be given.

    Yields
    ------
    Progress

    Raises
    ------
    ValueError
        On a method that needs data to learn from, bad parameters, or `first` below 1.
    """
    way = method if isinstance(method, Method) else get_method(method)
    if first < 1:
        raise ValueError(f"first must be at least 1, got {first}")
    if way.needs == "training":
        raise ValueError(f"{way.name} has to train, which no slider can wait for; use labkit compress or labkit sweep")
    settings = way.settings(params)
    place = model if isinstance(model, Session) else session(model, split)
    return _answers(place, way, settings, first, cancel, seconds, use_grid)


def _answers(
    place: Session, way: Method, settings: dict[str, Any], first: int, cancel: Cancel | None, seconds: float, use_grid: bool
) -> Iterator[Progress]:
    total = len(place.split)
    key = (way.name, way.version, tuple(sorted(settings.items())))
    stored = _stored(place, way, settings, key) if use_grid else None
    if stored is not None:
        yield stored
        return
    with _TURN:
        if _cancelled(cancel):  # it may have been overtaken while it waited for its turn
            return
        small = way(place.model, data=place.calibration if way.needs == "calibration" else None, **settings)
        changed, shared = _changed(place.model, small), sharing(small)
    logits: list[np.ndarray] = []
    done, target, price = 0, min(first, total), None
    while done < total:
        while done < target:
            stop = min(done + BATCH, target if not logits else total)
            with _TURN:
                if _cancelled(cancel):
                    return
                logits.append(place.outputs(small, changed, done, stop))
            done = stop
        if price is None:
            with _TURN:
                price = _price(place, small, seconds)
        found = _audit(place, np.concatenate(logits), done, price)
        if _cancelled(cancel):
            return
        answer = Progress(found, done, total, "computed", None if shared.empty else shared)
        if answer.exact:
            place.remember(key, answer)
        yield answer
        target = min(total, 2 * done)


def _stored(place: Session, way: Method, settings: dict[str, Any], key: tuple) -> Progress | None:
    total = len(place.split)
    finished = place.recall(key)
    if finished is not None:
        return replace(finished, source="memory")
    grid = _grid_of(place, way, settings)
    if grid is None or not grid.holds(settings[grid.slider]):
        return None
    found = grid.audit(settings[grid.slider], place.split, place.whole_reference())
    answer = Progress(found, total, total, "grid")
    place.remember(key, answer)
    return answer


def _grid_of(place: Session, way: Method, settings: dict[str, Any]) -> Grid | None:
    if way is not METHODS.get(way.name) or not way.sliders:
        return None  # not a registered method, or one without a slider
    return load_grid(key_of(way.name, settings, place.sha, place.data))


def _cancelled(cancel: Cancel | None) -> bool:
    return cancel is not None and cancel.is_set()


def _changed(reference: nn.Module, small: nn.Module) -> set[str]:
    """Paths of layers that a method put in, and of parameters it wrote to."""
    paths = set(describe_layers(small))
    own, other = dict(reference.named_parameters()), dict(small.named_parameters())
    for name in own.keys() & other.keys():
        if own[name].shape != other[name].shape or not torch.equal(own[name].detach(), other[name].detach()):
            paths.add(name)
    return paths | (own.keys() ^ other.keys())


def _price(place: Session, small: nn.Module, seconds: float) -> tuple[Cost, Cost]:
    example = place.split.inputs(slice(0, 1))
    return cost(small, example, reference=place.model, seconds=seconds), place.reference_cost


def _audit(place: Session, logits: np.ndarray, done: int, price: tuple[Cost, Cost]) -> Audit:
    """Audit the first `done` examples; the whole split comes back in its own order."""
    total = len(place.split)
    if done == total:
        ordered = np.empty_like(logits)
        ordered[place.order] = logits
        found = audit_logits(ordered, place.split, place.whole_reference(), cost=price[0], reference_cost=price[1])
    else:
        found = audit_logits(
            logits, place.split.subset(place.order[:done]), place.reference_logits(done), cost=price[0], reference_cost=price[1]
        )
    return replace(found, reference_sha=place.sha)


def forget() -> None:
    """Drop every session, e.g. when a model on disk has changed."""
    with _SESSIONS_LOCK:
        _SESSIONS.clear()
