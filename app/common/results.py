"""Results of the scripts in ``benchmarks/``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from common.words import code
from labkit.stamps import Stamp, stamp

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


@dataclass(frozen=True)
class Results:
    """Rows of a benchmark, and the machine it ran on."""

    rows: pd.DataFrame
    machine: dict[str, Any]

    @property
    def place(self) -> str:
        """The machine, in one line."""
        told = self.machine.get
        threads = sorted(set(self.rows["threads"])) if "threads" in self.rows else []
        parts = [
            told("cpu"),
            told("cores") and f"{told('cores')} cores",
            *(f"{count} threads" for count in threads),
            *told("vectors", []),
            told("python") and f"Python {told('python')}",
            told("system"),
        ]
        return ", ".join(filter(None, parts)) or "a machine that is not recorded"


def results(name: str, columns: list[str]) -> Results | None:
    """Read ``benchmarks/results/NAME.json``; where it is missing, show the command that makes it and return None.

    Raises
    ------
    ValueError
        When the file has no rows with these columns.
    """
    path, command = FOLDER / f"{name}.json", f"python benchmarks/{name}.py"
    if not path.is_file():
        st.info(f"This has not been measured here yet. Run {code(command)}, then reload this page.", icon=":material/timer:")
        return None
    try:
        return _read(str(path), tuple(columns), stamp(path))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no results ({error!r}); delete it and run {command}") from error


@st.cache_resource(max_entries=32, show_spinner=False)
def _read(path: str, columns: tuple[str, ...], changed: Stamp) -> Results:
    found = json.loads(Path(path).read_text())
    return Results(pd.DataFrame(found["rows"]).dropna(subset=list(columns)), found["machine"])
