"""Methods, rules and measures from a file of the user's own."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from labkit.messages import in_line, said
from labkit.registry import registries


def load_plugin(path: str | os.PathLike) -> list[str]:
    """Run a Python file that registers methods, rules or measures.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of str
        The names it registered.

    Raises
    ------
    ValueError
        When the file does not exist, fails, or registers nothing. Nothing it registered is kept then.
    """
    place = in_line(os.fspath(path))
    if not os.path.isfile(path):  # nor for a circle of links, a pipe, or a name that no file can have
        raise ValueError(f"plugin {place} does not exist; give a Python file that registers a method, a rule or a measure")
    path = Path(os.path.realpath(path))
    place = in_line(path)
    before = [(registry, dict(registry)) for registry in registries()]
    name = f"labkit_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plugin {place} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that worker processes and dataclasses find it by name
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # the user's own code may raise anything, and sys.exit raises SystemExit
        for registry, entries in before:
            registry.clear()
            registry.update(entries)
        sys.modules.pop(name, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ValueError(f"plugin {place} failed: {said(error)}") from error
    added = [key for registry, entries in before for key, entry in registry.items() if entries.get(key) is not entry]
    if not added:
        raise ValueError(
            f"plugin {place} registers nothing; call labkit.compress.register, labkit.sparsify.register_rule or "
            "labkit.audit.register_measure in it"
        )
    return added
