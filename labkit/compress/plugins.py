"""Methods from outside: installed packages by entry point, a file by path."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

from labkit.compress.method import METHODS

log = logging.getLogger("labkit")


def load_entry_points() -> None:
    """Import every entry point of the group "labkit.methods"; importing it registers its methods.

    A package that fails to import is logged and left out: it must not take the rest of the lab down.
    """
    for point in entry_points(group="labkit.methods"):
        try:
            point.load()
        except Exception as error:  # somebody else's package may raise anything
            log.warning("the methods of %s (%s) cannot be loaded: %s", point.name, point.value, error)


def load_plugin(path: str | os.PathLike) -> list[str]:
    """Run a Python file that registers methods, and return the names it registered.

    Raises
    ------
    ValueError
        When the file does not exist, fails, or registers nothing.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise ValueError(f"plugin {path} does not exist; give a Python file that calls labkit.compress.register")
    before = dict(METHODS)
    name = f"labkit_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plugin {path} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that worker processes and dataclasses find it by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's own code may raise anything
        METHODS.clear()
        METHODS.update(before)  # half of a plugin is none
        del sys.modules[name]
        raise ValueError(f"plugin {path} failed: {type(error).__name__}: {error}") from error
    added = [key for key, method in METHODS.items() if before.get(key) is not method]
    if not added:
        raise ValueError(f"plugin {path} registers no method; call labkit.compress.register(Method(…)) in it")
    return added
