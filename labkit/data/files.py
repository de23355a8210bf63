"""Which files of a folder are pictures, and which are passed over and counted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labkit.data.paths import lies_there, shown, special
from labkit.data.pictures import SUFFIXES, Remarks, count, is_picture

LEFTOVERS = frozenset(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "lost+found", "@eadir", "icon\r"])
HALF_WRITTEN = (".tmp", ".part", ".partial", ".crdownload", ".bak", ".orig", ".swp")


@dataclass
class Passed:
    """Files that were passed over.

    Attributes
    ----------
    hidden : Counter
        Name -> number of hidden files and leftovers.
    endings : Counter
        Ending -> number of files that are no pictures.
    again : list of Path
        Links to folders that had been read.
    """

    hidden: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    again: list[Path] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return one sentence a kind, with the number of files.

        Returns
        -------
        tuple of str
        """
        said = []
        if self.hidden:
            number = sum(self.hidden.values())
            verb = "was" if number == 1 else "were"
            said.append(
                f"{count(number, 'hidden file')} or leftover{'' if number == 1 else 's'} of macOS, Windows or Jupyter "
                f"({_some(self.hidden)}) {verb} skipped"
            )
        if self.endings:
            number = sum(self.endings.values())
            what = "ending" if len(self.endings) == 1 else "endings"
            said.append(f"{count(number, 'file')} with {what} {_some(self.endings)} {'was' if number == 1 else 'were'} skipped")
        if self.again:
            said.append(f"{count(len(self.again), 'link')} to folders that are read anyway skipped ({shown(self.again[0])})")
        return tuple(said)


def is_leftover(name: str) -> bool:
    """Return whether a file or folder is hidden, or left by an operating system, an editor or a download.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    lower = name.lower()
    return name.startswith((".", "~$")) or lower in LEFTOVERS or name.endswith("~") or lower.endswith(HALF_WRITTEN)


def picture_files(folder: Path, root: Path, passed: Passed, remarks: Remarks) -> list[Path]:
    """List the pictures in a folder and its subfolders, sorted; links are followed, but never in circles.

    Parameters
    ----------
    folder : Path
    root : Path
        Folder of the data set, into which no link may lead back.
    passed : Passed
        Takes what is passed over.
    remarks : Remarks
        Takes pictures that are known by their content only.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If a folder cannot be opened.
    """
    found = []
    for path in _files(folder, {os.path.realpath(root), os.path.realpath(folder.parent)}, passed):
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        elif lies_there(path) != "file":  # a pipe or a device would be waited for
            passed.endings[_special_name(path)] += 1
        elif is_picture(path):
            remarks.files["content"].append(path)
            found.append(path)
        else:
            passed.endings[path.suffix.lower() or "(none)"] += 1
    return sorted(found)


def _special_name(path: Path) -> str:
    try:
        return f"({special(path) or 'a file'})"
    except OSError:
        return "(a link to nothing)"


def count_hidden(folder: Path, passed: Passed) -> None:
    """Count the files of a folder that is passed over as a whole.

    Parameters
    ----------
    folder : Path
    passed : Passed
    """
    passed.hidden[folder.name] += sum(len(names) for _, _, names in os.walk(folder)) or 1


def _files(folder: Path, seen: set[str], passed: Passed) -> Iterator[Path]:
    """Walk a folder; `seen` are the real paths of folders that must not be entered again."""
    real = os.path.realpath(folder)
    if real in seen:
        passed.again.append(folder)
        return
    seen.add(real)
    for entry in subfolders_and_files(folder):
        if is_leftover(entry.name):
            if entry.is_dir():
                count_hidden(entry, passed)
            else:
                passed.hidden[entry.name] += 1
        elif entry.is_dir():
            yield from _files(entry, seen, passed)
        else:
            yield entry


def subfolders_and_files(folder: Path) -> list[Path]:
    """List a folder, sorted.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If it cannot be opened.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(
            f"{shown(folder)} cannot be opened ({reason}); give yourself the right to read it, or move it away"
        ) from error


def _some(names: Counter[str]) -> str:
    some = [shown(name)[:40] for name, _ in names.most_common(4)]
    return ", ".join(some) + (", …" if len(names) > 4 else "")
