"""`Format` and the registry `FORMATS`: the forms in which a network can be taken away."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.export.lowering import Lowered
from labkit.registry import Entry, Registry

EXTRA = 'pip install "labkit[export]"'


@dataclass(frozen=True, eq=False)
class Whole:
    """What a format writes.

    Attributes
    ----------
    network : nn.Module
        As it is, with labkit's layers.
    lowered : Lowered
        The same of torch's operators alone; it takes float32 inputs and returns logits in float32.
    example : Tensor
        Some inputs; the first axis counts examples and may have any length.
    """

    network: nn.Module
    lowered: Lowered
    example: torch.Tensor


@dataclass(frozen=True, eq=False)
class Format(Entry):
    """A form in which a network can be taken away.

    Parameters
    ----------
    name, title : str
    file : str
        Name of the file that holds the network.
    write : callable (whole, folder) -> sequence of str
        Writes the file into a folder and returns notes.
    script : str
        Source of the loading script behind its docstring: it defines ``load()`` and ``predict(inputs, model=None)``, which takes
        and returns NumPy arrays.
    needs : str
        What the loading script imports, in words.
    packages : tuple of str
        Modules beside labkit's own dependencies that writing and checking need.
    plain : bool
        Whether the network is lowered first, so that no layer of labkit is left.
    params : dict
        None so far.
    version : int
        Of what is written.
    """

    kind = "format"
    name: str
    title: str
    file: str
    write: Callable[[Whole, Path], Any]
    script: str
    needs: str
    packages: tuple[str, ...] = ()
    plain: bool = True
    params: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def missing(self) -> str:
        """One sentence that says what to install; empty where everything is there."""
        absent = [name for name in self.packages if importlib.util.find_spec(name) is None]
        return f"format {self.name} needs {' and '.join(absent)}; install them with {EXTRA}" if absent else ""


FORMATS: Registry[Format] = Registry(Format, "labkit.export", "labkit export --help lists the formats")
register_format, get_format = FORMATS.register, FORMATS.find
