"""Everything that is wrong with a network and its data as a user named them, so that it can be told at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.data import CATALOGUE, csv_defects
from labkit.data.opening import TAB, is_table
from labkit.messages import unknown_name
from labkit.models.catalogue import NAMES
from labkit.models.file_kinds import kind_of
from labkit.models.opening import needs_data
from labkit.models.own import OWN, built_for_data, is_own, not_named
from labkit.models.small_mlp import SMALL_MLP


def defects(
    name: str,
    *,
    weights: str | os.PathLike | None = None,
    data: str | None = None,
    target: str | None = None,
    groups: Sequence[str] = (),
    favourable: str | None = None,
    **options: Any,
) -> tuple[str, ...]:
    """Return what can be seen to be wrong with the arguments of `open_model` without building or reading anything large.

    Parameters
    ----------
    name, weights, data, target, groups, favourable, **options
        As `labkit.models.open_model` takes them.

    Returns
    -------
    tuple of str
        A sentence each; empty where nothing is seen, which does not say that the network can be opened.
    """
    found = [*_of_name(name), *_of_weights(weights)]
    if data:
        found += _of_data(data, target=target, groups=groups, favourable=favourable, **options)
    elif name and built_for_data(name):
        found.append(needs_data(name))
    elif not name:
        found.append("no data given; give a data set's name, a folder of images by class, or a CSV file with its target")
    return tuple(dict.fromkeys(found))


def _of_name(name: str) -> list[str]:
    if not name:
        return [f"no network given; give a reference model ({', '.join(NAMES)}), timm:NAME, or {SMALL_MLP} for a table"]
    if is_own(name):
        return [] if name in OWN else [not_named(name)]
    if name.startswith("timm:"):
        from labkit.models.from_timm import input_size  # local: importing timm takes seconds

        try:
            input_size(name.removeprefix("timm:"))
        except ValueError as error:
            return [str(error)]
        return []
    if name in (*NAMES, SMALL_MLP):
        return []
    return [str(unknown_name("model", name, NAMES, "or timm:NAME for any timm model"))]


def _of_weights(weights: str | os.PathLike | None) -> list[str]:
    if not weights:
        return []
    path = Path(weights)
    if path.is_dir():
        return [f"{path} is a folder; give a .safetensors or torch checkpoint file in it"]
    if not path.is_file():
        return [f"{path} does not exist; give the path of a .safetensors or torch checkpoint file"]
    try:
        kind_of(path)
    except (ValueError, OSError) as error:
        return [str(error)]
    return []


def _of_data(data: str, *, target: str | None, groups: Sequence[str], favourable: str | None, **options: Any) -> list[str]:
    if data in CATALOGUE:
        return []
    path = Path(data)
    if not path.exists():
        if is_table(data):
            return [f"{path} does not exist; give the path of a CSV file"]
        return [str(unknown_name("data set", data, CATALOGUE, "or the path of a folder with one subfolder of images per class"))]
    if path.is_dir():
        return []
    further = {key: options[key] for key in ("drop", "categories", "encoding", "separator") if options.get(key)}
    if "separator" in further:
        further["separator"] = TAB.get(further["separator"], further["separator"])
    return list(csv_defects(path, target=target, groups=groups, favourable=favourable, **further))
