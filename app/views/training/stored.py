"""The stored trainings, read once per change of a store."""

from pathlib import Path

import pandas as pd
import streamlit as st

from common.shell import library
from labkit import figures
from labkit.runs import Store, gallery
from labkit.runs.trainings import rule_titles, stored_trainings
from labkit.stamps import Stamp, stamp


def trainings() -> pd.DataFrame:
    """Return `stored_trainings` of the user's store and of the gallery, with the column own: not of the gallery."""
    folders = [store.folder for store in library().stores]
    table = _trainings(tuple((str(folder), stamp(folder)) for folder in folders))
    return table.assign(own=table["folder"].map(Path) != gallery().folder)


def table_of(folder: str, run: str, name: str) -> pd.DataFrame | None:
    """Return `Store.table_of`, the same object to all visitors; read again when the run is stored again."""
    return _table_of(folder, run, name, stamp(Path(folder) / run))


@st.cache_resource(max_entries=64, show_spinner=False)
def _table_of(folder: str, run: str, name: str, changed: Stamp) -> pd.DataFrame | None:
    return Store(folder).table_of(run, name)


def label(training: pd.Series) -> str:
    """Return one row of `trainings` as a line."""
    whose = ", yours" if training["own"] else ""
    title = figures.rule_title(training["name"], rule_titles())
    return f"{title}, sparsity {100 * training['sparsity']:g} %, seed {training['seed']}{whose}"


@st.cache_resource(max_entries=2, show_spinner=False)
def _trainings(folders: tuple[tuple[str, Stamp], ...]) -> pd.DataFrame:
    return stored_trainings([Store(folder) for folder, _ in folders])
