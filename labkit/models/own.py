"""Networks of the user's own code, by the name ``module:function`` or ``file.py:function`` that was typed on a command line.

Only `register` imports code, and only the command line calls it: a name that stands in a stored run, an address or a grid opens
what was registered in this process, or nothing.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import inspect
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from labkit.layers.limits import Counted, TooLargeError
from labkit.messages import in_line, said
from labkit.models.small_mlp import SMALL_MLP
from labkit.words import shortly

OWN: dict[str, Any] = {}  # name -> function, class or network
CLASSES = ("num_classes", "n_classes", "classes", "num_labels", "out_features")
CHANNELS = ("in_chans", "in_channels", "channels", "in_features")


def is_own(name: str) -> bool:
    """Whether a name is of the form ``module:function``.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_own("net.py:build"), is_own("timm:resnet18"), is_own("vit_fashion")
    (True, False, False)
    """
    return ":" in name and not name.startswith("timm:")


def built_for_data(name: str) -> bool:
    """Whether a network is built for the classes and inputs of its data, and knows no data set of its own.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Examples
    --------
    >>> built_for_data("timm:resnet18"), built_for_data("small_mlp"), built_for_data("vit_fashion")
    (True, True, False)
    """
    return name.startswith("timm:") or is_own(name) or name == SMALL_MLP


def register(name: str, folder: str | os.PathLike = ".") -> str:
    """Import a user's function, so that `labkit.models.load` knows it by its name in this process. This runs the user's code.

    Parameters
    ----------
    name : str
        ``module:function`` or ``file.py:function``: a function that returns an nn.Module, a class of networks, or a network.
    folder : path
        Where a relative file or a module is looked for.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    ValueError
        When there is no such file, module or function, or importing it fails.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise ValueError(f"{shortly(name)} is no network; give module:function or file.py:function")
    found: Any = _from_file(Path(folder, place)) if place.endswith(".py") else _from_module(place, Path(folder))
    for part in attribute.split("."):
        found = _part(found, part, place, attribute)
    if not callable(found):
        raise ValueError(f"{in_line(name)} is {in_line(type(found).__name__)}, not a function that returns an nn.Module")
    OWN[name] = found
    return name


def build(name: str, *, num_classes: int | None = None, in_chans: int | None = None, seed: int = 0) -> nn.Module:
    """Call a registered function.

    Parameters
    ----------
    name : str
        As registered.
    num_classes, in_chans : int, optional
        Given to the function as far as its signature takes them.
    seed : int
        Of torch's generator during the call.

    Returns
    -------
    nn.Module
        In eval mode.

    Raises
    ------
    ValueError
        When the name is not registered, the function fails or returns no network, or one beyond `labkit.layers.limits`.
    """
    if name not in OWN:
        raise ValueError(not_named(name))
    found, shown = OWN[name], in_line(name)
    given = {} if isinstance(found, nn.Module) else _arguments(shown, found, {CLASSES: num_classes, CHANNELS: in_chans})
    with _own_code(shown), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(found, nn.Module):
            return copy.deepcopy(found).eval()
        with Counted(shown, most_tensors=1_000_000):  # also those that the code only calculates with
            model = found(**given)
        if isinstance(model, nn.Module):
            model.labkit_call = ", ".join(f"{key}={value}" for key, value in given.items())  # type: ignore[assignment]
            return model.eval()
    raise ValueError(f"{shown} returned {in_line(type(model).__name__)}; it must return an nn.Module")


def not_named(name: str) -> str:
    """Return the sentence about code that the command line did not name.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    shown = in_line(name)
    return f"{shown} is code of your own, which only the command line opens where you name it: --model {shown}"


@contextlib.contextmanager
def _own_code(what: str) -> Iterator[None]:
    """Run the user's own code, which may raise anything: SystemExit, or an exception whose message cannot be made."""
    try:
        yield
    except (KeyboardInterrupt, TooLargeError):
        raise
    except BaseException as error:
        raise ValueError(f"{what} failed: {said(error)}") from error


def _part(found: Any, part: str, place: str, attribute: str) -> Any:
    """Look an attribute up, which may run the user's code too."""
    with _own_code(in_line(place)):
        try:
            return getattr(found, part)
        except AttributeError:
            held = dict(getattr(found, "__dict__", {}))
    offered = [key for key, value in held.items() if isinstance(key, str) and callable(value) and not key.startswith("_")]
    known = f"; it has {', '.join(in_line(key, 60) for key in offered[:8])}" if offered else ""
    raise ValueError(f"{in_line(place)} has no {in_line(attribute)}{known}")


def _arguments(name: str, function: Callable[..., Any], numbers: dict[tuple[str, ...], int | None]) -> dict[str, int]:
    """Choose the arguments of a call: `numbers` (usual names -> number) as far as the signature takes them, by name or in order."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except Exception:  # functions of C have no signature, and a class may give itself a wrong one
        return {}
    left = {names: value for names, value in numbers.items() if value is not None}
    given: dict[str, int] = {}
    for names in list(left):
        known = next((p.name for p in parameters if p.name in names), None)
        if known is not None:
            given[known] = left.pop(names)
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        given |= {names[0]: value for names, value in left.items()}
        left = {}
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    empty = [p.name for p in parameters if p.default is p.empty and p.kind not in variable and p.name not in given]
    given |= dict(zip(empty, left.values(), strict=False))  # said by `weight_notes`
    lacking = [parameter for parameter in empty if parameter not in given]
    if lacking:
        raise ValueError(
            f"{name} needs {in_line(', '.join(lacking))}, but is given num_classes and in_chans alone; give it defaults"
        )
    return given


def _from_file(path: Path) -> ModuleType:
    shown = in_line(path)
    if not os.path.isfile(path):  # nor for a circle of links, a pipe, or a name that no file can have
        raise ValueError(f"{shown} does not exist; give file.py:function")
    place = Path(os.path.realpath(path))
    name = f"labkit_own_{place.stem}_{zlib.crc32(os.fsencode(place)):08x}"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise ValueError(f"{shown} is not a Python file; give file.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that dataclasses and pickling find it
    before = set(sys.modules)
    with _beside(place.parent), _own_code(shown):
        try:
            spec.loader.exec_module(module)
            _forget_neighbours(place.parent, before)
        except BaseException:  # sys.exit at the end of a script too
            sys.modules.pop(name, None)
            raise
    return module


def _forget_neighbours(folder: Path, before: set[str]) -> None:
    """Drop what a file imported from its folder: another file may have a neighbour of the same name."""
    for name in set(sys.modules) - before:
        place = getattr(sys.modules[name], "__file__", None)
        if place and Path(place).resolve().is_relative_to(folder) and "site-packages" not in place:
            del sys.modules[name]


def _from_module(name: str, folder: Path) -> ModuleType:
    shown = in_line(name)
    with _beside(Path(os.path.realpath(folder))), _own_code(f"module {shown}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not isinstance(error.name, str) or not f"{name}.".startswith(f"{error.name}."):
                raise
    raise ValueError(
        f"there is no module {shown} here or installed; give module:function, file.py:function, timm:NAME or a reference model"
    )


class _beside:
    """Put a folder first where Python looks for modules: a network's file imports its neighbours."""

    def __init__(self, folder: Path) -> None:
        self.folder = os.fspath(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self.folder)

    def __exit__(self, *_: object) -> None:
        if self.folder in sys.path:
            sys.path.remove(self.folder)
