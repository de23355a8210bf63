"""Which subfolders of a folder of pictures are its parts: a part that is taken for a class leaks into train."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from labkit.data.files import is_leftover, subfolders_and_files
from labkit.data.paths import shown

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
NEARLY = re.compile(r"(train|training|validation|val|valid|test|testing)[ _-]?(set|data|images|imgs|pictures|split|part)")


def given_parts(root: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return the folders of the given parts, and what a reader should know.

    Parameters
    ----------
    root : Path

    Returns
    -------
    parts : dict of str to Path
        Empty if the classes lie in the root itself.
    notes : tuple of str

    Raises
    ------
    ValueError
        If a part is given twice, or others without train.
    """
    entries = [entry for entry in subfolders_and_files(root) if entry.is_dir() and not is_leftover(entry.name)]
    given: dict[str, Path] = {}
    for part, aliases in PARTS.items():
        found = sorted((entry for entry in entries if entry.name.lower() in aliases), key=lambda e: aliases.index(e.name.lower()))
        if len(found) > 1:
            raise ValueError(f"{shown(root)} has both {found[0].name!r} and {found[1].name!r}; keep one of them as the {part} part")
        if found:
            given[part] = found[0]
    if "train" in given:
        others = [shown(entry.name)[:40] for entry in entries if entry not in given.values()]
        more = ", …" if len(others) > 12 else ""
        return given, ((f"folders beside the parts are not read: {', '.join(others[:12])}{more}",) if others else ())
    parts = sorted(entry.name for entry in entries if entry in given.values() or NEARLY.fullmatch(entry.name.lower()))
    if parts:
        raise ValueError(
            f"{shown(root)} has {', '.join(parts)} but no train folder; put the classes for training into {shown(root / 'train')}, "
            "or rename what is a class of that name"
        )
    return {}, ()


def refuse_parts_in_classes(root: Path, classes: Sequence[str]) -> None:
    """Refuse classes that hold parts, ``CLASS/train`` and ``CLASS/test``, whose pictures would be mixed.

    Parameters
    ----------
    root : Path
    classes : sequence of str
        Names of the class folders.

    Raises
    ------
    ValueError
        If a class folder has a subfolder named like train and one named like another part.
    """
    for name in classes:
        below = {entry.name.lower() for entry in subfolders_and_files(root / name) if entry.is_dir()}
        found = [below & set(aliases) for aliases in PARTS.values()]
        if found[0] and (found[1] or found[2]):
            inner = ", ".join(shown(f"{name}/{folder}") for folder in sorted(set().union(*found)))
            raise ValueError(f"{shown(root)} has the parts within the classes ({inner}); turn them round: train/{shown(name)}, …")
