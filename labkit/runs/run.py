"""One stored run: a folder with a JSON file of facts, Parquet tables and optionally weights."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.runs.checking import FACTS, ID, WEIGHTS, brief, facts_problem, files_problem, read_facts
from labkit.runs.later_figures import with_class_verdicts, with_reference_figures
from labkit.words import shortly

FORMAT = 1
__all__ = ["FACTS", "FORMAT", "KINDS", "Run", "read_run"]
KINDS: dict[str, type] = {
    "method": str,
    "version": int,
    "parameters": dict,
    "model": str,
    "model_sha": str,
    "data": str,
    "data_id": str,
    "seed": int,
    "created": str,
    "summary": dict,
}


@dataclass(frozen=True)
class Run:
    """The facts of a run, as in its ``run.json``, or why it cannot be used.

    Attributes
    ----------
    id : str
    folder : Path
    method : str
    version : int
        Of the method.
    parameters : dict
    model : str
        Name of the network that was compressed.
    model_sha, data, data_id : str
    seed : int
    created : str
        UTC, ISO 8601.
    summary : dict
        The audit's figures.
    measures : dict
        Version and settings of the audit's measures; empty for runs of older versions.
    sources : dict
        Where network and data came from, see `labkit.runs.sources`; empty for runs of older versions and of networks from memory.
    has_weights : bool
    damaged : str
        Empty for a sound run, else the reason.
    protected : bool
        Whether its folder must neither be removed nor overwritten although the run cannot be used: it is of a newer format, may not
        be read by this user, or is a copy of another run or no run at all.
    """

    id: str
    folder: Path
    method: str = ""
    version: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    model_sha: str = ""
    data: str = ""
    data_id: str = ""
    seed: int = 0
    created: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    has_weights: bool = False
    damaged: str = ""
    protected: bool = False

    @property
    def has_reference(self) -> bool:
        """Whether its audit compares it with the network it was made of."""
        return any(name.startswith("reference_") or name.endswith("_ratio") or name == "agreement" for name in self.summary)

    @property
    def reference_sha(self) -> str:
        """Fingerprint of the network it is compared with; empty without one."""
        return self.model_sha if self.has_reference else ""

    @property
    def refusal(self) -> str:
        """Why the run cannot be used and what to do, in a sentence; empty for a sound run."""
        if not self.damaged:
            return ""
        remedy = "" if self.protected else f"; delete {self.folder} and make it again"
        return f"run {self.id} is damaged: {self.damaged}{remedy}"

    def __repr__(self) -> str:
        state = (
            f"damaged: {self.damaged}"
            if self.damaged
            else f"{self.method} {shortly(self.parameters)} of {self.model} on {self.data}"
        )
        return f"Run({self.id}, {state})"


def read_run(folder: Path, *, thorough: bool = False) -> Run:
    """Read the facts of a run; whatever is wrong with the folder becomes `Run.damaged`.

    Parameters
    ----------
    folder : Path
    thorough : bool
        Also compare the checksums of weights and large files.

    Returns
    -------
    Run
    """
    shown = os.fsencode(folder.name).decode("utf-8", "backslashreplace")  # a name may be no UTF-8
    strange = ID.fullmatch(folder.name) is None
    try:
        facts = read_facts(folder)
        if "format" not in facts and strange:
            return Run(shown, folder, damaged=f"{FACTS} is of another program", protected=True)
        if _is_newer(facts["format"]):
            why = f"written in format {facts['format']}, this labkit reads up to {FORMAT}; update labkit"
            return Run(shown, folder, damaged=why, protected=True)
        known = {key: _of_kind(facts, key, kind) for key, kind in KINDS.items()}
        problem = facts_problem(facts)
        if not problem and facts["id"] != folder.name:
            return Run(shown, folder, damaged=_misplaced(folder, facts["id"]), protected=True)
        problem = problem or files_problem(folder, facts, thorough)
        if not problem:
            summary = with_class_verdicts(folder, known["summary"])
            known["summary"] = with_reference_figures(summary, known["model_sha"], known["data_id"])
        return Run(
            shown,
            folder,
            **known,
            measures=_plain(facts.get("measures")),
            sources=_plain(facts.get("sources")),
            has_weights=WEIGHTS in facts["files"],
            damaged=problem,
            protected=bool(problem) and strange,
        )
    except FileNotFoundError:
        return Run(shown, folder, damaged=f"{FACTS} is missing", protected=strange)
    except OSError as error:  # of another user, or on a disk that does not answer: it may be sound
        gone = isinstance(error, (NotADirectoryError, IsADirectoryError))
        return Run(shown, folder, damaged=_unreadable(folder, error), protected=strange or not gone)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        return Run(shown, folder, damaged=f"{FACTS} cannot be read ({brief(error)})", protected=strange)


def _is_newer(stated: Any) -> bool:
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < 1:
        raise TypeError(f"format is no version: {shortly(stated)}")
    return stated > FORMAT


def _misplaced(folder: Path, run: Any) -> str:
    """Say that a folder holds the run of another one."""
    if not isinstance(run, str) or ID.fullmatch(run) is None:
        return f"{FACTS} holds no id of a run"
    if (folder.parent / run / FACTS).is_file():
        return f"the folder is a copy of run {run}, which does not count again; remove the copy or move it to another store"
    return f"the folder holds run {run} under another name; rename it to {run}"


def _unreadable(folder: Path, error: OSError) -> str:
    name = os.path.basename(str(error.filename)) if error.filename else FACTS
    what = FACTS if name == folder.name else name
    rights = "; ask its owner for the right to read it" if isinstance(error, PermissionError) else ""
    return f"{what} cannot be read ({brief(error)}){rights}"


def _of_kind(facts: dict[str, Any], key: str, kind: type) -> Any:
    """Return a fact after checking its type."""
    value = facts[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} is no {kind.__name__}")
    if isinstance(value, dict) and key == "summary" and not all(isinstance(v, (int, float, type(None))) for v in value.values()):
        raise TypeError("summary holds more than numbers")
    return value


def _plain(found: Any) -> dict[str, Any]:
    """Return facts that a run may lack, such as its sources; what is no mapping counts as unknown."""
    return {key: value for key, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}
