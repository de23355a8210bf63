"""`progressive_audit`: an answer within a moment, refined to the whole split, cancellable at any time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from labkit.compress import Method, get_method
from labkit.data import Split
from labkit.forwarding import reason
from labkit.live.auditing import audit_of, audit_of_step, costs
from labkit.live.fingerprint import fingerprint_of_data
from labkit.live.known import Known
from labkit.live.progress import Cancel, Progress, cancelled
from labkit.live.running import TURN, in_a_sentence
from labkit.live.sessions import Session, session

TURNS = 0.2  # seconds of batches in one turn, so that other visitors wait no longer


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

    A step of the shipped grid, or a setting that was finished before, is answered at once and exactly, as long as network, split,
    calibration inputs and method are the same in everything; they are looked at when the first answer is asked for. A cancelled
    audit stops between batches, keeps nothing and yields nothing more.

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
        On a method that has to train, calibration inputs that are needed and absent, bad parameters, `first` below 1, or a session
        of another split. While answers are asked for: what the method refuses, a network that does not take the examples, or a
        split that is changed meanwhile.
    """
    method = method if isinstance(method, Method) else get_method(method)
    if first < 1:
        raise ValueError(f"first must be at least 1, got {first}")
    if method.needs == "training":
        raise ValueError(f"{method.name} has to train, which is too slow for a slider; use labkit compress or labkit sweep")
    settings = method.settings(params)
    place = model if isinstance(model, Session) else session(model, split)
    if split is not place.split and fingerprint_of_data(split) != fingerprint_of_data(place.split):
        raise ValueError("the session was opened with another split; open one with this split: live.session(model, split)")
    place.check_data(method, settings)
    return _answers(place, method, settings, first, cancel, seconds, use_grid)


def _answers(
    place: Session, method: Method, settings: dict[str, Any], first: int, cancel: Cancel | None, seconds: float, use_grid: bool
) -> Iterator[Progress]:
    known, total = place.known(), len(place.split)
    key = known.question(method, settings, place.data_content(method, settings))
    stored = _stored(known, method, settings, key) if use_grid else None
    if stored is not None:
        yield stored
        return
    with TURN:
        if cancelled(cancel):  # it may have been overtaken while it waited for its turn
            return
        small, tables = _compressed(known, method, settings, place.data_for(method, settings))
        known.probe()
        changed = known.changed(small)
    logits: list[np.ndarray] = []
    done, target, price = 0, min(first, total), None
    while done < total:
        while done < target:
            with TURN:
                if cancelled(cancel):
                    return
                limit = total if logits else target
                logits.append(known.outputs(small, changed, done, target, limit=limit, seconds=TURNS, cancel=cancel))
            done += len(logits[-1])
        if price is None:
            price = costs(known, small, seconds)
        found = audit_of(known, small, np.concatenate(logits), price)
        known.check()
        if cancelled(cancel):
            return
        answer = Progress(found, done, total, "computed", tables)
        if answer.exact:
            known.remember(known.question(method, settings, place.data_content(method, settings), before=key), method, answer)
        yield answer
        target = min(total, 2 * done)


def _compressed(known: Known, method: Method, settings: dict[str, Any], data: Any) -> tuple[nn.Module, dict[str, pd.DataFrame]]:
    """The compressed network and the tables about it; what a method raises beyond a refusal becomes a sentence."""
    network = known.network
    try:
        small = method(network, data=data, **settings)
    except (ValueError, TypeError, OSError, MemoryError):
        raise
    except Exception as error:  # a method from outside, or a layer of the user's, may raise anything
        raise ValueError(f"{method.name} fails on this network: {reason(error)}") from error
    with in_a_sentence(f"the tables of {method.name} cannot be made"):
        return small, method.tables_of(small)


def _stored(known: Known, method: Method, settings: dict[str, Any], key: tuple) -> Progress | None:
    """The answer from memory or from the grid, if there is one."""
    finished = known.recall(key)
    if finished is not None:
        return replace(finished, source="memory")
    grid = known.grid(method, settings)
    found = None if grid is None else audit_of_step(known, grid, settings[grid.slider])
    if found is None:
        return None
    answer = Progress(found, len(known.split), len(known.split), "grid")
    known.remember(key, method, answer)
    return answer
