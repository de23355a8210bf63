"""Results of the scripts in ``benchmarks/``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from common.words import code

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
        found = json.loads(path.read_text())
        rows = pd.DataFrame(found["rows"]).dropna(subset=columns)
        return Results(rows, found["machine"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no results ({error!r}); delete it and run {command}") from error
