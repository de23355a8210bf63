"""The stored trainings, read once per change of a store."""

from pathlib import Path

import pandas as pd
import streamlit as st

from common.shell import library
from labkit import figures
from labkit.runs import Store, gallery
from labkit.runs.trainings import rule_titles, stored_trainings


def trainings() -> pd.DataFrame:
    """Return `stored_trainings` of the user's store and of the gallery, with the column own: not of the gallery."""
    folders = [store.folder for store in library().stores]
    table = _trainings(tuple((str(folder), folder.stat().st_mtime_ns if folder.is_dir() else 0) for folder in folders))
    return table.assign(own=table["folder"].map(Path) != gallery().folder)


@st.cache_data(max_entries=64, show_spinner=False)
def table_of(folder: str, run: str, name: str) -> pd.DataFrame | None:
    """Return `Store.table_of`; a stored run does not change."""
    return Store(folder).table_of(run, name)


def label(training: pd.Series) -> str:
    """Return one row of `trainings` as a line."""
    whose = ", yours" if training["own"] else ""
    title = figures.rule_title(training["name"], rule_titles())
    return f"{title}, sparsity {100 * training['sparsity']:g} %, seed {training['seed']}{whose}"


@st.cache_data(max_entries=2, show_spinner=False)
def _trainings(folders: tuple[tuple[str, int], ...]) -> pd.DataFrame:
    return stored_trainings([Store(folder) for folder, _ in folders])
