"""One stored run: a folder with a JSON file of facts, Parquet tables and optionally weights."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.files import sha256
from labkit.runs.later_figures import with_class_verdicts, with_reference_figures

FORMAT = 1
FACTS = "run.json"
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

    @property
    def has_reference(self) -> bool:
        """Whether its audit compares it with the network it was made of."""
        return any(name.startswith("reference_") or name.endswith("_ratio") or name == "agreement" for name in self.summary)

    @property
    def reference_sha(self) -> str:
        """Fingerprint of the network it is compared with; empty without one."""
        return self.model_sha if self.has_reference else ""

    def __repr__(self) -> str:
        state = f"damaged: {self.damaged}" if self.damaged else f"{self.method} {self.parameters} of {self.model} on {self.data}"
        return f"Run({self.id}, {state})"


def read_run(folder: Path, *, thorough: bool = False) -> Run:
    """Read the facts of a run; whatever is wrong with the folder becomes `Run.damaged`.

    Parameters
    ----------
    folder : Path
    thorough : bool
        Also compare every file's checksum, not only its size.

    Returns
    -------
    Run
    """
    try:
        with open(os.path.join(folder, FACTS), "rb") as file:
            facts = json.load(file)
        if facts["format"] > FORMAT:
            return Run(
                folder.name, folder, damaged=f"written in format {facts['format']}, this labkit reads up to {FORMAT}; update labkit"
            )
        known = {key: _of_kind(facts, key, kind) for key, kind in KINDS.items()}
        summary = with_class_verdicts(folder, known["summary"])
        known["summary"] = with_reference_figures(summary, known["model_sha"], known["data_id"])
        problem = _file_problem(folder, facts["files"], thorough)
        run = Run(
            folder.name,
            folder,
            **known,
            measures=facts.get("measures", {}),
            sources=_plain(facts.get("sources")),
            has_weights="model.safetensors" in facts["files"],
            damaged=problem,
        )
    except FileNotFoundError:
        return Run(folder.name, folder, damaged=f"{FACTS} is missing")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Run(folder.name, folder, damaged=f"{FACTS} cannot be read ({type(error).__name__}: {error})")
    return run


def _of_kind(facts: dict[str, Any], key: str, kind: type) -> Any:
    """Return a fact after checking its type."""
    value = facts[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} is no {kind.__name__}")
    if isinstance(value, dict) and key == "summary" and not all(isinstance(v, (int, float, type(None))) for v in value.values()):
        raise TypeError("summary holds more than numbers")
    return value


def _plain(sources: Any) -> dict[str, Any]:
    """Return what is known of the sources; what is no mapping counts as unknown."""
    found = sources if isinstance(sources, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, dict)}


def _file_problem(folder: Path, files: dict[str, dict], thorough: bool) -> str:
    with os.scandir(folder) as entries:  # one pass over the folder: a store may hold ten thousand runs
        sizes = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    for name, facts in files.items():
        if name not in sizes:
            return f"{name} is missing"
        if sizes[name] != facts["bytes"]:
            return f"{name} has {sizes[name]:,} bytes instead of {facts['bytes']:,}"
        if thorough and sha256(folder / name) != facts["sha256"]:
            return f"{name} does not match its checksum"
    return ""
