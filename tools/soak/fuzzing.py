"""Part ``loaders``: mutated inputs for every loader, in turn, until all are read or the time is up; a later call goes on."""

import json
import math
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tools.soak.loaders import PLACES
from tools.soak.reader import Reader
from tools.soak.report import Part

INPUTS = 10_000  # of the whole trial
KEPT = 2**24  # bytes of an input that is kept; a larger one is made again from its seed
COUNTS = ("loaded", "refused", "escaped", "unwritten")


def run(folder: Path, seed: int, minutes: float | None, only: str = "") -> Part:
    """Read inputs and return what came out, all calls for this folder together."""
    state = State(folder / "loaders", seed)
    names = [name for name in state.names if only in ("", name)]
    wanted = math.ceil(INPUTS / len(state.names))
    reader = Reader(folder / "loaders" / "sound", seed)
    try:
        reader.ready()
        until = math.inf if minutes is None else time.monotonic() + 60 * minutes
        spent = dict.fromkeys(names, 0.0)
        while (left := [name for name in names if state.next(name) < wanted]) and time.monotonic() < until:
            reader.ready()
            name, began = min(left, key=lambda name: spent[name]), time.monotonic()  # slow ones must not take the time of others
            state.add(name, *_one(reader, state, name))
            spent[name] += time.monotonic() - began
    finally:
        reader.stop()
        state.save()
    return state.part()


def _one(reader: Reader, state: "State", name: str) -> tuple[dict[str, Any], Path]:
    place = state.folder / "work" / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return reader.ask(name, state.next(name), place), place


class State:
    """What was read so far: the next index and the counts of every loader, and the inputs that escaped."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._file, self._saved = folder, folder / "state.json", 0.0
        self.names = tuple(PLACES)
        fresh: dict[str, Any] = {"seed": seed, "loaders": {}, "escaped": []}
        self._facts = json.loads(self._file.read_text()) if self._file.is_file() else fresh
        if self._facts["seed"] != seed:
            raise ValueError(f"{folder} holds a trial with --seed {self._facts['seed']}; give that seed, or another --folder")

    def next(self, name: str) -> int:
        """Return the index of the next input of a loader."""
        return sum(self._counts(name).values())

    def add(self, name: str, outcome: dict[str, Any], place: Path) -> None:
        """Count an input; one that escaped is kept with its traceback."""
        index = self.next(name)
        self._counts(name)[outcome["kind"]] += 1
        if outcome["kind"] == "escaped":
            facts = {
                "loader": name,
                "index": index,
                "seed": self._facts["seed"],
                "reason": outcome["reason"],
                "message": outcome["message"],
            }
            self._facts["escaped"].append(facts)
            _keep(self.folder / "escaped" / f"{name}-{index}", facts, outcome["trace"], place)
        if outcome["kind"] == "unwritten":
            (self.folder / "unwritten.txt").open("a", errors="backslashreplace").write(f"{name} {index}\n{outcome['trace']}\n")
        shutil.rmtree(place, ignore_errors=True)
        if time.monotonic() - self._saved > 1 or outcome["kind"] == "escaped":
            self.save()

    def save(self) -> None:
        """Write the state; a kill leaves the old one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        half = self._file.with_suffix(".half")
        half.write_text(json.dumps(self._facts, indent=1))
        os.replace(half, self._file)
        self._saved = time.monotonic()

    def part(self) -> Part:
        """Return the table of loaders, and what escaped, grouped."""
        rows = [{"what": name, **self._counts(name)} for name in self.names]
        groups = Counter((facts["loader"], facts["reason"]) for facts in self._facts["escaped"])
        failures = [f"{loader}: {reason} ({times} inputs)" for (loader, reason), times in groups.most_common()]
        return Part("loaders", rows, failures)

    def _counts(self, name: str) -> dict[str, int]:
        return self._facts["loaders"].setdefault(name, dict.fromkeys(COUNTS, 0))


def _keep(target: Path, facts: dict[str, Any], trace: str, place: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    (target / "traceback.txt").write_text(f"{json.dumps(facts, indent=1)}\n\n{trace}", errors="backslashreplace")
    held = sum(path.lstat().st_size for path in place.rglob("*"))
    if held < KEPT:
        place.rename(target / "input") if not (target / "input").exists() else None
