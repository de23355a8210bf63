"""`progressive_audit`: an answer within a moment, refined to the whole split, cancellable at any time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from labkit.compress import Method, get_method
from labkit.data import Split
from labkit.layers import describe_layers
from labkit.live.auditing import audit_of, audit_of_step, costs
from labkit.live.progress import Cancel, Progress, cancelled
from labkit.live.sessions import BATCH, Session, session

# one batch at a time in the whole process: two jobs that each want all cores take ten times as long, and time each other's latency
_TURN = threading.Lock()


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
        What is compressed, and the reference of every audit. A method that takes calibration inputs finds those of a reference
        model by itself; for a network of your own give a `Session` with a data set.
    seconds : float
        Time spent on latency, in the first answer.
    use_grid : bool
        Whether stored answers may be given.

    Returns
    -------
    iterator of Progress
        One answer after the other; arguments are checked before the first is asked for.

    Raises
    ------
    ValueError
        On a method that has to train, calibration inputs that are needed and absent, bad parameters, or `first` below 1.
    """
    method = method if isinstance(method, Method) else get_method(method)
    if first < 1:
        raise ValueError(f"first must be at least 1, got {first}")
    if method.needs == "training":
        raise ValueError(f"{method.name} has to train, which is too slow for a slider; use labkit compress or labkit sweep")
    settings = method.settings(params)
    place = model if isinstance(model, Session) else session(model, split)
    return _answers(place, method, settings, first, cancel, seconds, use_grid)


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


def _answers(
    place: Session, method: Method, settings: dict[str, Any], first: int, cancel: Cancel | None, seconds: float, use_grid: bool
) -> Iterator[Progress]:
    total = len(place.split)
    key = (method.name, method.version, hashable(settings))
    stored = _stored(place, method, settings, key) if use_grid else None
    if stored is not None:
        yield stored
        return
    with _TURN:
        if cancelled(cancel):  # it may have been overtaken while it waited for its turn
            return
        small = method(place.model, data=place.data_for(method, settings), **settings)
        changed, tables = _changed(place.model, small), method.tables_of(small)
    logits: list[np.ndarray] = []
    done, target, price = 0, min(first, total), None
    while done < total:
        while done < target:
            stop = min(done + BATCH, target if not logits else total)
            with _TURN:
                if cancelled(cancel):
                    return
                logits.append(place.outputs(small, changed, done, stop))
            done = stop
        if price is None:
            with _TURN:
                price = costs(place, small, seconds)
        found = audit_of(place, small, np.concatenate(logits), price)
        if cancelled(cancel):
            return
        answer = Progress(found, done, total, "computed", tables)
        if answer.exact:
            place.remember(key, answer)
        yield answer
        target = min(total, 2 * done)


def _stored(place: Session, method: Method, settings: dict[str, Any], key: tuple) -> Progress | None:
    """The answer from memory or from the grid, if there is one."""
    finished = place.recall(key)
    if finished is not None:
        return replace(finished, source="memory")
    grid = place.grid(method, settings)
    found = None if grid is None else audit_of_step(place, grid, settings[grid.slider])
    if found is None:
        return None
    answer = Progress(found, len(place.split), len(place.split), "grid")
    place.remember(key, answer)
    return answer


def _changed(reference: nn.Module, small: nn.Module) -> set[str]:
    """Paths of layers that a method put in, and of parameters it wrote to."""
    paths = set(describe_layers(small))
    own, other = dict(reference.named_parameters()), dict(small.named_parameters())
    for name in own.keys() & other.keys():
        if own[name].shape != other[name].shape or not torch.equal(own[name].detach(), other[name].detach()):
            paths.add(name)
    return paths | (own.keys() ^ other.keys())
