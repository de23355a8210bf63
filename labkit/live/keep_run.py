"""`keep`: store what a slider shows as a run, as `labkit compress` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from labkit import runs
from labkit.audit import Audit, audit
from labkit.compress import Method, get_method
from labkit.data import Dataset, Split
from labkit.live.known import Known
from labkit.live.progress import Cancel, cancelled
from labkit.live.running import TURN
from labkit.live.sessions import Session
from labkit.training import predict

CHUNK = 1000  # examples in one turn, a multiple of the batches of `predict`


@dataclass(frozen=True)
class Keeping:
    """How far a run is.

    Parameters
    ----------
    share : float
        Of the work, 0 to 1.
    doing : str
        What is done now.
    run : Run or None
        The stored run, in the last answer.
    """

    share: float
    doing: str
    run: runs.Run | None = None


def keep(session: Session, method: str | Method, settings: dict[str, Any], store: runs.Store) -> runs.Run:
    """Compress the network of a session, audit it on its whole split, and store network and audit as a run.

    The run has the id, figures, weights and sources that ``labkit compress`` gives it: nothing is taken from stored or progressive
    answers, which keep probabilities less exactly. A run that the store holds already with its weights is returned as it is.

    Parameters
    ----------
    session : Session
    method : str or Method
    settings : dict
        Parameters of the method; defaults for the rest.
    store : Store

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        For an unknown method, bad parameters, calibration inputs that are needed and absent, what the method refuses, or a network
        or split that is changed meanwhile.
    OSError
        When the store cannot be written.
    """
    for progress in keeping(session, method, settings, store):
        if progress.run is not None:
            return progress.run
    raise RuntimeError("a run that is not cancelled ends with being stored")


def keeping(
    session: Session, method: str | Method, settings: dict[str, Any], store: runs.Store, cancel: Cancel | None = None
) -> Iterator[Keeping]:
    """Do what `keep` does, step by step.

    Parameters
    ----------
    session, method, settings, store
        As `keep` takes them.
    cancel : object with ``is_set()``, optional
        When it is set, nothing more is computed and nothing is stored.

    Yields
    ------
    Keeping
        The last one has the run.
    """
    entry = method if isinstance(method, Method) else get_method(method)
    chosen, known = entry.settings(settings), session.known()
    session.check_data(entry, chosen)
    config = config_of(session, entry, chosen)
    there = _stored(store, known, config)
    if there is not None:
        yield Keeping(1.0, "stored before", there)
        return
    yield Keeping(0.0, "compressing")
    what = f"{entry.name} of {config['model']}"
    with TURN, runs.in_words(what):
        small = entry(known.network, data=session.data_for(entry, chosen), **chosen)
    parts: dict[str, list[np.ndarray]] = {"compressed": [], "uncompressed": []}
    chunks = [slice(start, min(start + CHUNK, len(session.split))) for start in range(0, len(session.split), CHUNK)]
    for number, (whose, network) in enumerate([("compressed", small), ("uncompressed", known.network)]):
        for place, rows in enumerate(chunks):
            yield Keeping((number + place / len(chunks)) / 2, f"running the {whose} network")
            with TURN, runs.in_words(f"the audit of {what}"):
                if cancelled(cancel):
                    return
                parts[whose].append(predict(network, session.split.subset(rows)))
    yield Keeping(0.99, "measuring and storing")
    with TURN, runs.in_words(f"the audit of {what}"):
        found = _audit(known, small, session.split, parts)
    known.check()
    if not cancelled(cancel):
        yield Keeping(1.0, "stored", store.save(small, audit=found, config=config, sources=sources_of(session)))


def _audit(known: Known, small: nn.Module, split: Split, parts: dict[str, list[np.ndarray]]) -> Audit:
    whole = {whose: np.concatenate(found) for whose, found in parts.items()}
    network = known.network
    found = audit(small, split, reference=network, logits=whole["compressed"], reference_logits=whole["uncompressed"])
    return runs.noted(found, network)


def _stored(store: runs.Store, known: Known, config: dict[str, Any]) -> runs.Run | None:
    """The run of this id, if the store holds it with its weights."""
    facts = {key: config[key] for key in ("method", "version", "parameters", "seed")}
    name = runs.run_id(**facts, model_sha=known.sha, data_id=known.data)
    run = store.run(name) if name in store else None
    return run if run is not None and run.has_weights else None


def config_of(session: Session, method: Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what a run of these settings is told apart by, and the names of its network and data.

    Parameters
    ----------
    session : Session
    method : Method
    settings : dict
        As ``method.settings`` returns them.

    Returns
    -------
    dict
        As `labkit.runs.Store.save` takes it.
    """
    network = session.known().network
    origin = getattr(network, "labkit_origin", None) or {}
    name = session.source if isinstance(session.source, str) else origin.get("name", "custom")
    dataset = session.dataset
    data = dataset.name if isinstance(dataset, Dataset) else _usual_data(str(name))
    return {"method": method.name, "version": method.version, "parameters": settings, "model": name, "data": data, "seed": 0}


def _usual_data(name: str) -> str:
    from labkit import models

    card = models.cards().get(name)
    return "" if card is None else card.data


def sources_of(session: Session) -> dict[str, Any]:
    """Return where the network and the data of a session came from, as far as it is known.

    Parameters
    ----------
    session : Session

    Returns
    -------
    dict
        As `labkit.runs.sources_of` gives it.
    """
    return dict(session.sources) if session.sources is not None else runs.sources_of(session.known().network, None)
