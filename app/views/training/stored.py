"""The stored runs that were trained sparse, and what tells them apart."""

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from common.shell import library
from labkit import figures
from labkit.runs import TRAINED, Store, gallery
from labkit.sparsify import TOPOLOGIES

COLUMNS = ["network", "topology", "sparsity", "seed", "name", "own", "accuracy", "folder"]
BY_DEFAULT = "default"


def trainings() -> pd.DataFrame:
    """Return a row a training of the user's store and of those that ship, indexed by run.

    Columns network, topology, sparsity (0 for dense), seed, name (the topology, and after it each setting that is not the usual one
    of this network), own (not of those that ship), accuracy (fraction), folder (of the store).
    """
    folders = [store.folder for store in library().stores]
    return _trainings(tuple((str(folder), folder.stat().st_mtime_ns if folder.is_dir() else 0) for folder in folders))


@st.cache_data(max_entries=64, show_spinner=False)
def table_of(folder: str, run: str, name: str) -> pd.DataFrame | None:
    """Return `Store.table_of`; a stored run does not change."""
    return Store(folder).table_of(run, name)


def in_words(training: pd.Series) -> str:
    """Return one row of `trainings` in a line."""
    whose = ", yours" if training["own"] else ""
    return f"{figures.rule_title(training['name'])}, {100 * training['sparsity']:g} % zeros, seed {training['seed']}{whose}"


def facts(training: pd.Series) -> str:
    """Return a sentence on how it ended."""
    said = f"Test accuracy **{100 * training['accuracy']:.2f} %**"
    told = table_of(training["folder"], str(training.name), "training")
    if told is None:
        return f"{said}."
    row = told.iloc[0]
    training_share, share = row["training"] / row["dense_training"], row["inference"] / row["dense_inference"]
    return (
        f"{said}; the training took {100 * training_share:.0f} % of the operations of a dense one and {row['seconds']:,.0f} s, "
        f"an answer takes {100 * share:.0f} % of the operations."
    )


@st.cache_data(max_entries=2, show_spinner=False)
def _trainings(folders: tuple[tuple[str, int], ...]) -> pd.DataFrame:
    rows: dict[str, dict[str, Any]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for folder, _ in folders:
        for run in Store(folder).runs():
            if run.damaged or not run.method.startswith(TRAINED) or run.id in rows:
                continue
            topology = run.method.removeprefix(TRAINED)
            given = {**_defaults(topology), **run.parameters}
            facts = {"network": run.model, "topology": topology, "sparsity": _sparsity(topology, given), "seed": run.seed}
            own = Path(folder) != gallery().folder
            rows[run.id] = {**facts, "own": own, "accuracy": run.summary.get("accuracy"), "folder": folder}
            settings[run.id] = {name: _plain(value) for name, value in given.items() if name != "sparsity"}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[name for name in COLUMNS if name != "name"])
    names = {}
    for _, group in table.groupby("network"):
        topologies = group["topology"].to_dict()
        usual = _usual(topologies, settings)
        names |= {run: _name(topology, settings[run], usual) for run, topology in topologies.items()}
    return table.assign(name=pd.Series(names, dtype=object))[COLUMNS]


def _defaults(topology: str) -> dict[str, Any]:
    """What a run leaves out of its parameters where nobody said it."""
    if topology not in TOPOLOGIES:
        return {}
    given = inspect.signature(TOPOLOGIES[topology]).parameters
    return {name: given[name].default for name in ("sparsity", "gamma_sal", "n", "m") if name in given}


def _sparsity(topology: str, given: dict[str, Any]) -> float:
    if topology == "dense":
        return 0.0
    return float(1 - given["n"] / given["m"] if {"n", "m"} <= given.keys() else given.get("sparsity", float("nan")))


def _plain(value: Any) -> str:
    """A setting in letters."""
    if isinstance(value, (list, tuple)):
        return "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _takes(topology: str, setting: str) -> bool:
    """Whether a topology has this setting at all."""
    if topology == "dense":
        return setting == "epochs"
    return setting not in ("gamma_sal", "n", "m") or setting in _defaults(topology)


def _usual(topologies: dict[str, str], settings: dict[str, dict[str, str]]) -> dict[str, str]:
    """Each setting as most trainings of a network have it."""
    usual = {}
    for setting in sorted({name for run in topologies for name in settings[run]}):
        values = [settings[run].get(setting, BY_DEFAULT) for run, topology in topologies.items() if _takes(topology, setting)]
        usual[setting] = Counter(values).most_common(1)[0][0] if values else BY_DEFAULT
    return usual


def _name(topology: str, own: dict[str, str], usual: dict[str, str]) -> str:
    others = [
        f"{setting}={own.get(setting, BY_DEFAULT)}"
        for setting, value in usual.items()
        if _takes(topology, setting) and own.get(setting, BY_DEFAULT) != value
    ]
    return ", ".join([topology, *others])
