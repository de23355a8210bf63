"""`Known`: everything that is known about a network and a split as they are now; dropped as a whole when either changes."""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from labkit.audit import MEASURES, data_id, model_sha
from labkit.compress import Method
from labkit.cost import Cost, cost
from labkit.data import Split
from labkit.forwarding import fitted
from labkit.live.completion import completed, usable
from labkit.live.content import Reader
from labkit.live.fingerprint import Fingerprint, difference, fingerprint, fingerprint_of_data, hooked
from labkit.live.grid import Grid, key_of, load_grid
from labkit.live.prefix import PrefixCache
from labkit.live.progress import Cancel, Progress, cancelled
from labkit.live.reference import known_reference
from labkit.live.running import TURN, in_a_sentence, logits
from labkit.training.prediction import device_of
from labkit.untouched import untouched

BATCH = 256
KEPT = 128  # finished audits: every step of a slider and more


class Known:
    """What is known about one state of a network and of a split. Thread-safe.

    A private copy of the network is compressed and run, so that the user's own is only ever read, and may be trained meanwhile. A
    network that cannot be copied, or that is not the same when copied (hooks, a ``forward`` of its own), is run itself.

    Parameters
    ----------
    split : Split
    content : object
        Of the split, as `fingerprint_of_data` returns it.
    own : callable () -> nn.Module
        Returns the user's network, or loads the one she named.
    mark : Fingerprint or None
        Of the network; None for one that is loaded when it is first needed.
    sha : str or None
        `model_sha` of the network, where it is known already.
    shipped : bool
        Whether it is a reference model as it ships, so that shipped answers are its own.
    """

    def __init__(
        self, split: Split, content: Any, own: Callable[[], nn.Module], mark: Fingerprint | None, sha: str | None, shipped: bool
    ) -> None:
        self.split, self.content, self.data, self.shipped = split, content, data_id(split), shipped
        # a fixed shuffle: the first examples must be a fair sample even of a file sorted by class
        self.order = np.random.default_rng(0).permutation(len(split))
        self._own, self._mark, self._sha = own, mark, sha
        self._lock, self._loading, self._completing = threading.Lock(), threading.RLock(), threading.RLock()
        self._network: nn.Module | None = None
        self._prefix: PrefixCache | None = None
        self.shared = False  # whether the user's own network is run, not a copy
        self._passing: set[tuple[str, str]] = set()  # what a forward pass leaves behind
        self._dtype: torch.dtype | None = None
        self._cost: Cost | None = None
        self._reference: dict[int, np.ndarray] = {}
        self._finished: OrderedDict[tuple, tuple[tuple, Method, Progress]] = OrderedDict()
        self._restless: dict[int, Any] = {}  # functions that change what they refer to, e.g. count their calls
        self._steps: dict[tuple, dict[float, pd.Series]] = {}

    @property
    def network(self) -> nn.Module:
        """The network that is compressed and run, made when it is first needed: answers from the grid never wait for it."""
        with self._loading:
            if self._network is None:
                own = self._own()
                self._mark = self._mark or fingerprint(own)
                self._network, self.shared = _private(own, self._mark)
            return self._network

    @property
    def sha(self) -> str:
        """The fingerprint of the network's state dict, as audits and runs carry it."""
        if self._sha is None:
            self._sha = model_sha(self._own())
        return self._sha

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Take the turn, with the network in eval mode and without gradients; everything is restored at the end."""
        with TURN, untouched(self.network):
            yield

    def is_of(self, network: nn.Module | None) -> bool:
        """Return whether this is still what is known about a network.

        Parameters
        ----------
        network : nn.Module or None
            None where it was not loaded yet.

        Returns
        -------
        bool
        """
        if network is None or self._mark is None:
            return True
        with TURN if self.shared else nullcontext():
            return not difference(self._mark, fingerprint(network)) - self._passing

    def check(self) -> None:
        """Check that neither the split nor a network that is run itself has changed since it was asked about.

        Raises
        ------
        ValueError
            When one has.
        """
        if fingerprint_of_data(self.split) != self.content or (self.shared and not self.is_of(self._network)):
            raise ValueError("the network or the split was changed while its audit was running; ask again")

    def reference_cost(self) -> Cost:
        """Return the cost of the network for one example, without latency; counted once.

        Returns
        -------
        Cost
        """
        if self._cost is None:
            with self.alone(), in_a_sentence("the cost of the network cannot be counted"):
                self._cost = cost(self.network, self._example(), seconds=0)
        return self._cost

    def cost_of(self, small: nn.Module, seconds: float) -> Cost:
        """Return the cost of a compressed network for one example.

        Parameters
        ----------
        small : nn.Module
        seconds : float
            Time spent on latency.

        Returns
        -------
        Cost
        """
        with self.alone(), in_a_sentence("the cost of the compressed network cannot be counted"):
            return cost(small, self._example(), reference=self.network, seconds=seconds)

    def _example(self) -> Tensor:
        return self._inputs(self.split.subset(slice(0, 1)))

    def _inputs(self, rows: Split) -> Tensor:
        """Examples on the network's device and in its dtype; called while it is `alone`."""
        x = rows.inputs().to(device_of(self.network))
        if self._dtype is None:
            self._dtype = fitted(self.network, x[:1]).dtype
        return x.to(self._dtype)

    def reference_logits(self, stop: int) -> np.ndarray:
        """Return outputs of the reference on the first `stop` examples of the order; shipped ones, or each batch run once.

        Parameters
        ----------
        stop : int

        Returns
        -------
        ndarray of float32, [stop, C]
        """
        shipped = self._shipped_reference()
        if shipped is not None:
            return shipped[self.order[:stop]]
        parts = []
        for start in range(0, stop, BATCH):
            with self._lock:
                known = self._reference.get(start)
            if known is None:
                with self.alone():
                    x = self._inputs(self._rows(start, start + BATCH))
                    known = logits(self.network, x, self.split, "the network")
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
        shipped = self._shipped_reference()
        return shipped if shipped is not None else self.in_order(self.reference_logits(len(self.split)))

    def _shipped_reference(self) -> np.ndarray | None:
        return known_reference(self.sha, self.data, len(self.split.classes)) if self.shipped else None

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """Return outputs in the split's own order.

        Parameters
        ----------
        values : float [N, C]
            In the shuffled order.

        Returns
        -------
        ndarray
        """
        ordered = np.empty_like(values)
        ordered[self.order] = values
        return ordered

    def probe(self) -> None:
        """Run the network on one example, once, to see what a forward pass leaves behind; no short form for one that changes."""
        with TURN, self._loading:
            if self._prefix is not None:
                return
            prefix, before = PrefixCache(self.network), fingerprint(self.network)
            with self.alone():
                logits(self.network, self._inputs(self._rows(0, 2)), self.split, "the network")
                prefix.off = bool(difference(before, fingerprint(self.network)))
            self._passing = difference(before, fingerprint(self.network))
            self._prefix = prefix

    def changed(self, small: nn.Module) -> set[str]:
        """Return the paths of the modules in which a compressed copy differs from the network.

        Parameters
        ----------
        small : nn.Module

        Returns
        -------
        set of str
            "" where the network itself differs, e.g. in its class or a parameter of its own.
        """
        differing = difference(fingerprint(self.network), fingerprint(small))
        return {path for path, name in differing if (path, name) not in self._passing}

    def outputs(
        self,
        small: nn.Module,
        changed: set[str],
        start: int,
        stop: int,
        *,
        limit: int | None = None,
        seconds: float = 0.0,
        cancel: Cancel | None = None,
    ) -> np.ndarray:
        """Return outputs of a compressed copy on the examples of the order from `start` on.

        Both networks are put back as they were once for all batches of a call, which takes as long as a batch itself.

        Parameters
        ----------
        small : nn.Module
        changed : set of str
            As `changed` returns them.
        start, stop : int
            Batch after batch is run until `stop` is reached.
        limit : int, optional
            Where the last batch ends at most; by default at `stop`.
        seconds : float
            Time after which no further batch is begun, so that others get their turn; at least one batch is run.
        cancel : object with ``is_set()``, optional
            Set where no further batch is wanted.

        Returns
        -------
        ndarray of float32, [n, C]
            n may be less or more than ``stop - start``, see `seconds` and `limit`.
        """
        self.probe()
        prefix, until = self._prefix, time.monotonic() + seconds
        parts: list[np.ndarray] = []
        assert prefix is not None
        with self.alone(), untouched(small):
            while start < stop and not (parts and (time.monotonic() > until or cancelled(cancel))):
                batch = (start, min(start + BATCH, stop if limit is None else limit))
                x = self._inputs(self._rows(*batch))
                run = partial(prefix.run, small, changed, batch=batch)
                parts.append(logits(run, x, self.split, "the compressed network"))
                start = batch[1]
        return np.concatenate(parts)

    def _rows(self, start: int, stop: int) -> Split:
        return self.split.subset(self.order[start : min(stop, len(self.order))])

    def question(self, method: Method, settings: dict[str, Any], data: Any, before: tuple | None = None) -> tuple:
        """Return what an answer depends on beside the network and the split.

        Parameters
        ----------
        method : Method
            Told apart by its name, its version, and what its function does and refers to.
        settings : dict
        data : object
            Content of the calibration inputs.
        before : tuple, optional
            What was returned before the method ran. Where it differs now, the method changes what it refers to, and only its code
            tells it apart from then on.

        Returns
        -------
        tuple
            Hashable; the settings come last.
        """
        functions = method.apply, method.diagnose

        def key() -> tuple:
            content = Reader(code_only=id(method.apply) in self._restless).read(functions)
            return method.name, method.version, method.needs, content, data, hashable(settings)

        found = key()
        if before is not None and found != before:
            self._restless[id(method.apply)] = method.apply
            return key()
        return found

    def remember(self, key: tuple, method: Method, answer: Progress) -> None:
        """Keep a finished answer, and drop the oldest beyond 128.

        Parameters
        ----------
        key : tuple
            As `question` returns it.
        method : Method
        answer : Progress
        """
        with self._lock:
            self._finished[key] = measures(), method, answer
            while len(self._finished) > KEPT:
                self._finished.popitem(last=False)

    def recall(self, key: tuple) -> Progress | None:
        """Return a finished answer, if it is kept and has the figures of every measure that is registered now.

        Parameters
        ----------
        key : tuple
            As `question` returns it.

        Returns
        -------
        Progress or None
        """
        with self._lock:
            found, _, answer = self._finished.get(key, ((), None, None))
        return answer if found == measures() else None

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
        own = str(getattr(method.apply, "__module__", "")).startswith("labkit.compress.")  # not one of another's by that name
        if not self.shipped or not own or not method.sliders or method.takes_data(settings):
            return None
        grid = load_grid(key_of(method.name, settings, self.sha, self.data))
        return grid if grid is not None and usable(grid, self.split) else None

    def steps(self, method: Method, settings: dict[str, Any], data: Any) -> dict[float, pd.Series]:
        """Return value of the slider -> summary for every step that is known exactly: audited in the grid, or finished since.

        Parameters
        ----------
        method : Method
            One with a slider.
        settings : dict
            The value of the slider does not matter.
        data : object
            Content of the calibration inputs.

        Returns
        -------
        dict of float to Series
        """
        slider = next(iter(method.sliders))
        grid = self.grid(method, settings)
        known = {} if grid is None else self._summaries(grid)
        wanted = self.question(method, {**settings, slider: None}, data)
        with self._lock:
            finished = list(self._finished.items())
        now = measures() if finished else ()
        for key, (found, _, answer) in finished:
            value = dict(key[-1]).get(slider)
            if found == now and value is not None and (*key[:-1], hashable({**dict(key[-1]), slider: None})) == wanted:
                known.setdefault(float(value), answer.audit.summary)
        return dict(sorted(known.items()))

    def _summaries(self, grid: Grid) -> dict[float, pd.Series]:
        """The figures of every step of a grid, those of measures that it lacks computed once."""
        key = (grid.key, measures())
        with self._completing:  # not `_lock`, which guards what is known already
            found = self._steps.get(key)
            if found is None:
                self._steps[key] = found = {
                    value: completed(grid, value, self.split, self.whole_reference) for value in grid.values
                }
        return dict(found)


def _private(own: nn.Module, mark: Fingerprint) -> tuple[nn.Module, bool]:
    """A copy of a network that is the same in everything, and False; or the network itself, and True."""
    if not hooked(own) and not any("forward" in vars(module) for module in own.modules()):
        try:
            private = copy.deepcopy(own)
            if not difference(mark, fingerprint(private)):
                return private.eval(), False
        except (MemoryError, RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError):
            pass  # e.g. weight_norm's weights, or an attribute that cannot be copied
    return own, True


def hashable(settings: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return settings as a key; a list, e.g. of patterns of layers, becomes a tuple.

    Parameters
    ----------
    settings : dict

    Returns
    -------
    tuple
    """
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items()))


def measures() -> tuple:
    """Return what the figures of an audit depend on: the measures that are always computed, with versions, defaults and functions.

    Returns
    -------
    tuple
    """
    reader = Reader()
    return tuple(
        (measure.key, measure.version, hashable(measure.settings({})), reader.read(measure.compute))
        for measure in MEASURES.values()
        if measure.when == "always"
    )
