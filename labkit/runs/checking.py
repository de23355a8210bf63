"""What is wrong with the folder of a run: its facts against their checksum, its files against their sizes and checksums."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit.files import sha256
from labkit.runs.identity import run_id
from labkit.words import shortly

FACTS = "run.json"
CHECKSUM = "checksum"
WEIGHTS = "model.safetensors"
ALWAYS = ("audit.json", "metrics.parquet", "per_class.parquet", "predictions.parquet")
SIX = ("method", "version", "parameters", "model_sha", "data_id", "seed")  # what an id is made of
ID = re.compile(r"[0-9a-f]{16}")

MOST_FACTS = 16 << 20  # bytes of run.json
MOST_AUDIT = 512 << 20  # bytes of audit.json
AT_ONCE = 4 << 20  # bytes of a file up to which its checksum is compared whenever the run is listed, not only when it is read
LARGEST = 2**63  # whole numbers of a run are smaller, as in the columns of a table


def brief(error: BaseException) -> str:
    """Return the reason of an error in one line of at most 200 characters.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    said = " ".join(str(error)[:2000].split())
    said = said.encode("utf-8", "backslashreplace").decode()
    said = f"{type(error).__name__}: {said}".rstrip(": ")
    return said if len(said) <= 200 else f"{said[:199]}…"


def read_json(path: str | os.PathLike[str], most: int) -> Any:
    """Read a JSON file of a run.

    Parameters
    ----------
    path : path
    most : int
        Bytes that it may have.

    Returns
    -------
    object

    Raises
    ------
    OSError
        When it cannot be opened.
    ValueError
        For what is no regular file, too large, no JSON, or holds a number that no run holds.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > most:
        raise ValueError(f"it has {found.st_size:,} bytes, and at most {most:,} are read")
    with open(path, "rb") as file:
        return json.loads(file.read(most), parse_int=_number)


def _number(digits: str) -> int:
    """Refuse integers that do not fit a column of a table."""
    value = int(digits) if len(digits) <= 21 else LARGEST
    if abs(value) >= LARGEST:
        raise ValueError(f"it holds a whole number of {len(digits):,} digits, more than a table takes")
    return value


def plain_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts as they will be read again.

    Parameters
    ----------
    facts : dict

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        For what could not be: text that is no Unicode, or whole numbers that no table takes.
    """
    text = json.dumps(facts)
    try:
        json.dumps(facts, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds text that is no Unicode, {shortly(error.object[error.start : error.end])}") from error
    plain: dict[str, Any] = json.loads(text, parse_int=_number)
    return plain


def read_facts(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``run.json``.

    Parameters
    ----------
    folder : path
        Of the run.

    Returns
    -------
    dict

    Raises
    ------
    OSError, ValueError
        As `read_json`.
    """
    facts = read_json(os.path.join(folder, FACTS), MOST_FACTS)
    if not isinstance(facts, dict):
        raise ValueError("it holds no object")
    return facts


def write_facts(facts: dict[str, Any], path: Path) -> None:
    """Write ``run.json`` with its own checksum.

    Parameters
    ----------
    facts : dict
    path : Path

    Raises
    ------
    ValueError
        When it would be larger than `read_facts` reads.
    """
    plain = plain_facts({key: value for key, value in facts.items() if key != CHECKSUM})
    text = json.dumps({**plain, CHECKSUM: checksum(plain)}, indent=1) + "\n"
    if len(text) > MOST_FACTS:
        raise ValueError(
            f"the facts of a run may take {MOST_FACTS:,} bytes, and those of this one take {len(text):,}; give fewer parameters"
        )
    path.write_text(text)


def checksum(facts: dict[str, Any]) -> str:
    """Return the SHA-256 of facts as canonical JSON, without their checksum.

    Parameters
    ----------
    facts : dict
        As read from ``run.json``.

    Returns
    -------
    str
    """
    plain = {key: value for key, value in facts.items() if key != CHECKSUM}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def facts_problem(facts: dict[str, Any]) -> str:
    """Say what is wrong with the facts themselves.

    Parameters
    ----------
    facts : dict

    Returns
    -------
    str
        Empty where nothing is.
    """
    if checksum(facts) != facts.get(CHECKSUM, checksum(facts)):
        return f"{FACTS} does not match its own checksum"
    if CHECKSUM not in facts and not _nested(facts["parameters"]) and run_id(**{name: facts[name] for name in SIX}) != facts["id"]:
        return f"{FACTS} was changed: its method, version, parameters, network, data and seed do not give its id"
    if not all(value is None or math.isfinite(value) for value in facts["summary"].values()):
        return f"{FACTS} holds a figure that is no number"
    json.dumps(facts["parameters"], allow_nan=False)
    return ""


def _nested(parameters: dict[str, Any]) -> bool:
    """Whether keys may have been numbers before they were written, which sort in another order than text."""
    return "{" in json.dumps(list(parameters.values()))


def files_problem(folder: Path, facts: dict[str, Any], thorough: bool) -> str:
    """Say what is wrong with the files of a run.

    Parameters
    ----------
    folder : Path
    facts : dict
        As in ``run.json``.
    thorough : bool
        Compare the checksum of every file; otherwise of files up to `AT_ONCE` but the weights, each once as long as it stays as
        it is.

    Returns
    -------
    str
        Empty where nothing is.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    files = facts["files"]
    lacking = [name for name in ALWAYS if name not in files]
    if lacking:
        return f"{FACTS} does not list {lacking[0]}"
    with os.scandir(folder) as entries:  # one pass over the folder: a store may hold ten thousand runs
        there = {entry.name: entry.stat() for entry in entries if entry.name in files and entry.is_file()}
    for name, stated in files.items():
        if not plain_name(name):
            return f"{FACTS} names a file outside of its folder, {shortly(name)}"
        if name not in there:
            return f"{name} is {'no file' if os.path.exists(folder / name) else 'missing'}"
        size = there[name].st_size
        if size != stated["bytes"]:
            return f"{name} has {size:,} bytes instead of {stated['bytes']:,}"
        if thorough or (size <= AT_ONCE and name != WEIGHTS):
            found = sha256(folder / name) if thorough else _digest(str(folder / name), _state(there[name]))
            if found != stated["sha256"]:
                return f"{name} does not match its checksum"
    return "" if CHECKSUM in facts else _summary_problem(folder, facts["summary"], there["audit.json"], thorough)


def plain_name(name: str) -> bool:
    """Whether a name is that of a file in a folder, and nothing else.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    return bool(name) and os.path.basename(name) == name and not name.startswith(".") and name.isprintable() and "\\" not in name


def file_problem(folder: Path, name: str) -> str:
    """Say whether one file matches its checksum, before it is read.

    Parameters
    ----------
    folder : Path
    name : str

    Returns
    -------
    str
        Empty where it does.

    Raises
    ------
    OSError, ValueError
        When it, or ``run.json``, cannot be read.
    """
    path = folder / name
    found = os.stat(path)
    facts = os.stat(folder / FACTS)
    stated = _stated(str(folder), _state(facts)).get(name)
    if stated is None:
        return f"{name} is not listed in {FACTS}"
    if not stat.S_ISREG(found.st_mode):
        return f"{name} is no file"
    return "" if _digest(str(path), _state(found)) == stated else f"{name} does not match its checksum"


def _summary_problem(folder: Path, summary: dict[str, Any], audit: os.stat_result, thorough: bool) -> str:
    """Compare the summary with that of the audit, for runs whose facts have no checksum."""
    if audit.st_size > AT_ONCE and not thorough:
        return ""
    measured = _summary(str(folder / "audit.json"), _state(audit))
    for name in [*summary, *measured]:
        if summary.get(name) != measured.get(name):
            return f"{FACTS} says {shortly(name, 60)} is {summary.get(name)}, and audit.json says {measured.get(name)}"
    return ""


@lru_cache(maxsize=256)
def _stated(folder: str, state: tuple[int, ...]) -> dict[str, str]:
    """Return the checksums of the files of a run."""
    return {str(name): stated["sha256"] for name, stated in read_facts(folder)["files"].items()}


def listed(folder: Path) -> list[str]:
    """Return the names of the files of a run.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str

    Raises
    ------
    OSError, ValueError
        When ``run.json`` cannot be read.
    """
    return list(_stated(str(folder), _state(os.stat(folder / FACTS))))


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=32_768)
def _digest(path: str, state: tuple[int, ...]) -> str:
    return sha256(path)


@lru_cache(maxsize=4096)
def _summary(path: str, state: tuple[int, ...]) -> dict[str, Any]:
    found = read_json(path, MOST_AUDIT)["summary"]
    if not isinstance(found, dict) or not all(isinstance(value, (int, float, type(None))) for value in found.values()):
        raise ValueError("audit.json holds no summary")
    return found
