"""`Session`: a model and a split to which many settings are applied, with everything those settings share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from labkit import models
from labkit.audit import model_sha
from labkit.compress import Method, get_method
from labkit.cost import Cost
from labkit.data import Dataset, NodeSplit, Split, load
from labkit.live.fingerprint import Fingerprint, difference, fingerprint, fingerprint_of_data
from labkit.live.known import Known
from labkit.live.reference import known_sha, shipped_fingerprint

SESSIONS = 4  # used last, kept by `session`


class Session:
    """A model and a split to which many settings are applied; keeps what they share. Thread-safe.

    Network and split are looked at again at every question, by content: after further training, a changed buffer, another module or
    hook, or other values in an array, nothing that was known before is used again. The network itself is left as it is.

    Parameters
    ----------
    model : str or nn.Module
        A name that `labkit.models.load` knows, or a network of the user's own.
    split : Split
        What is audited.
    dataset : Dataset, Split, Tensor or dict of Tensors, optional
        Calibration inputs for methods that take some; of a data set its training part, as in `labkit compress` and `labkit sweep`,
        so that equal settings give equal networks. By default the data set that a reference model was trained on.
    sources : mapping, optional
        Where network and data came from, as `labkit.runs.sources_of` gives it; written with the runs that are kept.

    Raises
    ------
    TypeError
        When `split` is the part of a graph or has several labels for an example.
    """

    def __init__(
        self, model: str | nn.Module, split: Split, dataset: Any = None, *, sources: Mapping[str, Any] | None = None
    ) -> None:
        if isinstance(split, NodeSplit) or split.multilabel:
            what = "nodes of a graph" if isinstance(split, NodeSplit) else "several labels for an example"
            raise TypeError(f"Live audits splits with one label for each example, and this one has {what}; use labkit.audit.audit")
        self.source, self.split, self._dataset, self.sources = model, split, dataset, sources
        self._looking, self._loading = threading.RLock(), threading.RLock()
        self._network: nn.Module | None = None if isinstance(model, str) else model
        self._card: str | None = None
        self._known: Known | None = None
        self._held = threading.local()
        self.known()

    def known(self) -> Known:
        """Return what is known about the network and the split as they are now; nothing after either has changed.

        Returns
        -------
        Known
        """
        held: Known | None = getattr(self._held, "known", None)
        if held is not None:
            return held
        with self._looking:
            content, card = fingerprint_of_data(self.split), self._card_now()
            if card != self._card and isinstance(self.source, str):
                self._network = self._known = None  # other weights are shipped by that name
            if self._known is None or self._known.content != content or not self._known.is_of(self._network):
                self._known = self._begin(content)
            self._card = card
            return self._known

    @contextmanager
    def looked_at(self) -> Iterator[Known]:
        """Look at the network and the split once for all questions that this thread asks inside; a look takes some milliseconds.

        Yields
        ------
        Known
        """
        before: Known | None = getattr(self._held, "known", None)
        self._held.known = known = self.known()
        try:
            yield known
        finally:
            self._held.known = before

    def _begin(self, content: Any) -> Known:
        if isinstance(self.source, str) and self._network is None:
            sha = known_sha(self.source)
            return Known(self.split, content, self._own, None, sha, sha is not None)
        own = self._own()
        mark, sha = fingerprint(own), model_sha(own)
        return Known(self.split, content, self._own, mark, sha, _is_shipped(sha, mark))

    def _own(self) -> nn.Module:
        with self._loading:
            if self._network is None:
                self._network = models.load(str(self.source))
            return self._network

    def _card_now(self) -> str | None:
        """What names the weights of a reference model."""
        card = models.cards().get(self.source) if isinstance(self.source, str) else None
        return None if card is None else card.sha256

    @property
    def model(self) -> nn.Module:
        """The network, loaded when it is first needed."""
        return self._own()

    @property
    def data(self) -> str:
        """The split's fingerprint."""
        return self.known().data

    @property
    def order(self) -> np.ndarray:
        """The order in which the split's examples are audited: a fixed shuffle."""
        return self.known().order

    @property
    def sha(self) -> str:
        """The network's fingerprint."""
        return self.known().sha

    @property
    def reference_cost(self) -> Cost:
        """Cost of the network for one example, without latency; counted once."""
        return self.known().reference_cost()

    def whole_reference(self) -> np.ndarray:
        """Return the outputs of the reference on the whole split, in the split's own order.

        Returns
        -------
        ndarray
            float32 [N, C].
        """
        return self.known().whole_reference()

    def check_data(self, method: Method, settings: dict[str, Any]) -> None:
        """Check that there are calibration inputs for a method that takes some, without reading them.

        Parameters
        ----------
        method : Method
        settings : dict
            As ``method.settings`` returns them.

        Raises
        ------
        ValueError
            When the method takes calibration inputs and there are none.
        """
        if method.takes_data(settings) and self._dataset is None and self._card_now() is None:
            raise ValueError(
                f"{method.name} needs calibration inputs, and only reference models have a known data set; "
                "open the session with one: live.session(model, split, dataset)"
            )

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
        self.check_data(method, settings)
        return self._dataset if self._dataset is not None else load(models.cards()[str(self.source)].data)

    def data_content(self, method: Method, settings: dict[str, Any]) -> Any:
        """Return the content of the data that a method takes at these settings.

        Parameters
        ----------
        method : Method
        settings : dict

        Returns
        -------
        object
            Hashable; None for a method that takes none, and for the data set that a reference model was trained on.
        """
        return fingerprint_of_data(self._dataset) if method.takes_data(settings) else None

    @property
    def dataset(self) -> Any:
        """The data set of the session, or what was given instead of one; None for a name alone."""
        return self._dataset

    @property
    def calibration(self) -> Any:
        """Calibration inputs: the training part of the data set, or what was given instead of one; None before there is one."""
        return self._dataset.train if isinstance(self._dataset, Dataset) else self._dataset

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
        settings = method.settings(params)
        return self.known().steps(method, settings, self.data_content(method, settings)) if method.sliders else {}

    def stored(self, method: str | Method, params: dict[str, Any]) -> bool:
        """Return whether the steps of a slider are read from the shipped grid, so that nothing is computed for them.

        Parameters
        ----------
        method : str or Method
        params : dict
            As `steps` takes them.

        Returns
        -------
        bool
        """
        method = method if isinstance(method, Method) else get_method(method)
        return self.known().grid(method, method.settings(params)) is not None


def _is_shipped(sha: str, mark: Fingerprint) -> bool:
    """Whether a network is a reference model in everything, not only in its weights."""
    names = [name for name in models.cards() if known_sha(name) == sha]
    return any(not difference(mark, shipped_fingerprint(name)) for name in names)


_SESSIONS: list[Session] = []  # they hold model, split and data set, so none of these can be mistaken for a later one
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

    def same(place: Session) -> bool:
        by_name = isinstance(model, str) and isinstance(place.source, str) and model == place.source
        return (by_name or place.source is model) and place.split is split and place._dataset is dataset

    with _SESSIONS_LOCK:
        found = next(filter(same, _SESSIONS), None)
    made = found or Session(model, split, dataset)
    with _SESSIONS_LOCK:
        kept = next(filter(same, _SESSIONS), made)  # another thread may have been faster
        _SESSIONS[:] = [*(place for place in _SESSIONS if place is not kept), kept][-SESSIONS:]
    return kept


def forget() -> None:
    """Drop every session, e.g. to free memory; what changes is noticed without it."""
    with _SESSIONS_LOCK:
        _SESSIONS.clear()
