"""What a value holds, as something to compare: arrays and tensors by their bytes, functions and objects by their parts."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

QUICK = (torch.Tensor, nn.Parameter)
PLAIN_NUMBERS = (torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.int8, torch.bool)
CODE = (type, property, staticmethod, classmethod, functools.partial, types.FunctionType, types.MethodType, types.ModuleType)
DEPTH = 12  # of nested objects; what lies deeper is told apart by identity
PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, np.dtype, np.generic, range, slice)


class Reader:
    """Reads the content of values, each tensor, function and class once.

    Every checksum is a CRC-32 over all bytes of an array: counters of versions and addresses do not tell of writes through numpy
    or ``.data``, and a sample of the entries misses what was not drawn.

    Parameters
    ----------
    places : mapping of int to str
        Identities of modules that are described elsewhere, and their names; they are not described again.
    code_only : bool
        Whether arrays, collections and objects that a function refers to are told apart by identity.
    """

    def __init__(self, places: Mapping[int, str] | None = None, *, code_only: bool = False) -> None:
        self.places, self.code_only = places or {}, code_only
        self._known: dict[int, tuple[Any, Any]] = {}  # with the object, so that no identity is used twice

    def read(self, value: Any, above: tuple[int, ...] = ()) -> Any:
        """Return the content of a value.

        Parameters
        ----------
        value : object
        above : tuple of int
            Identities of the objects that hold it.

        Returns
        -------
        object
            Nested tuples of plain values; equal contents are equal and hashable.
        """
        if isinstance(value, PLAIN):
            return type(value).__name__, repr(value)
        if id(value) in above:
            return ("within itself", above.index(id(value)))
        if id(value) in self.places:
            return ("module", self.places[id(value)])
        if len(above) >= DEPTH:
            return (type(value).__qualname__, id(value))
        if id(value) not in self._known:
            self._known[id(value)] = (value, self._describe(value, (*above, id(value))))
        return self._known[id(value)][1]

    def _describe(self, value: Any, above: tuple[int, ...]) -> Any:
        if self.code_only and not isinstance(value, (tuple, *CODE)):
            return (type(value).__name__, id(value))
        if isinstance(value, torch.Tensor):
            return self._tensor(value, above)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, (list, tuple, torch.Size)):
            return self._sequence(value, above)
        if isinstance(value, Mapping):
            return (type(value).__name__, *((self.read(key, above), self.read(held, above)) for key, held in value.items()))
        if isinstance(value, (set, frozenset)):
            return (type(value).__name__, *sorted(repr(held) for held in value))
        if isinstance(value, (pd.DataFrame, pd.Series, pd.Index)):
            return self._frame(value)
        if isinstance(value, type):
            return self._class(value, above)
        if isinstance(value, (staticmethod, classmethod, types.MethodType)):
            owner = (self.read(value.__self__, above),) if isinstance(value, types.MethodType) else ()
            return ("method", *owner, self.read(value.__func__, above))
        if isinstance(value, property):
            return ("property", *(self.read(part, above) for part in (value.fget, value.fset)))
        if isinstance(value, functools.partial):
            return ("partial", *(self.read(part, above) for part in (value.func, value.args, value.keywords)))
        if isinstance(value, types.FunctionType):
            return self._function(value, above)
        return self._object(value, above)

    def _sequence(self, value: Any, above: tuple[int, ...]) -> Any:
        if len(value) > 100 and all(isinstance(held, str) for held in value):
            return (type(value).__name__, len(value), hash(tuple(value)))  # texts
        return (type(value).__name__, *(self.read(held, above) for held in value))

    def _tensor(self, tensor: torch.Tensor, above: tuple[int, ...]) -> Any:
        facts = (tensor.dtype, tuple(tensor.shape), tensor.device)
        if type(tensor) in QUICK and tensor.device.type == "cpu" and tensor.dtype in PLAIN_NUMBERS and tensor.is_contiguous():
            return ("tensor", *facts, zlib.crc32(tensor.detach().numpy().data))
        if hasattr(tensor, "__tensor_flatten__"):
            parts = [(name, getattr(tensor, name)) for name in tensor.__tensor_flatten__()[0]]
            return (type(tensor).__name__, *facts, *((name, self.read(part, above)) for name, part in parts))
        if tensor.is_meta:
            return ("tensor", *facts)
        tensor = tensor.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout is not torch.strided:
            tensor = tensor.to_dense()
        plain = tensor.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        return ("tensor", *facts, zlib.crc32(plain.view(torch.uint8).numpy().data))  # as bytes: numpy has no bfloat16

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype.hasobject:
            return ("array", array.shape, hash(tuple(map(repr, array.ravel().tolist()))))
        return ("array", str(array.dtype), array.shape, zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data))

    def _frame(self, frame: Any) -> Any:
        table = frame if isinstance(frame, pd.DataFrame) else frame.to_frame()
        if table.shape[1] == 0:
            return ("table", table.shape)
        texts = table.apply(lambda column: column if pd.api.types.is_numeric_dtype(column.dtype) else column.astype(str))
        sums = pd.util.hash_pandas_object(texts, index=True).to_numpy()
        return ("table", tuple(map(str, table.columns)), tuple(map(str, table.dtypes)), self._array(sums))

    def _class(self, kind: type, above: tuple[int, ...]) -> Any:
        """A class of the user's own may be changed in place, e.g. its constants and methods; of a library only ``forward`` is."""
        name = (kind.__module__, kind.__qualname__)
        if installed(kind.__module__):
            forward = getattr(kind, "forward", None) if issubclass(kind, nn.Module) else None
            return ("class", *name, id(kind), id(getattr(forward, "__code__", None)))
        own = [(key, held) for key, held in vars(kind).items() if not key.startswith("__") or callable(held)]
        bases = tuple(self.read(base, above) for base in kind.__bases__)
        return ("class", *name, bases, *((key, self.read(held, above)) for key, held in own))

    def _function(self, function: types.FunctionType, above: tuple[int, ...]) -> Any:
        held = tuple(_cell(cell) for cell in function.__closure__ or ())
        given = self.read((function.__defaults__, function.__kwdefaults__, held), above)
        if installed(function.__module__):
            return ("function", function.__module__, function.__qualname__, id(function.__code__), given)
        names = [name for name in _names(function.__code__) if name in function.__globals__]
        read = tuple((name, self._global(function, function.__globals__[name], above)) for name in names)
        return ("function", function.__qualname__, _code(function.__code__), given, read)

    def _global(self, function: types.FunctionType, value: Any, above: tuple[int, ...]) -> Any:
        """A name that a function reads from its module; of the user's own modules what it names, a library does not change."""
        if isinstance(value, types.ModuleType):
            held = {} if installed(value.__name__) else vars(value)
            names = [name for name in _names(function.__code__) if not isinstance(held.get(name), types.ModuleType)]
            return (
                "import",
                value.__name__,
                *((name, self._global(function, held[name], above)) for name in names if name in held),
            )
        if callable(value) and installed(getattr(value, "__module__", None)) and not isinstance(value, nn.Module):
            return ("import", getattr(value, "__qualname__", type(value).__qualname__), id(value))
        return self.read(value, above)

    def _object(self, value: Any, above: tuple[int, ...]) -> Any:
        if isinstance(value, torch.Generator):
            return ("generator", self.read(value.get_state(), above))
        if isinstance(value, nn.Module):
            return ("module", *self.read_module(value, above))
        if dataclasses.is_dataclass(value):
            held = [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
        elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, types.ModuleType):
            held = list(vars(value).items())
        else:
            return (type(value).__qualname__, id(value))
        return (self.read(type(value), above), *((name, self.read(part, above)) for name, part in held))

    def read_module(self, module: nn.Module, above: tuple[int, ...] = ()) -> list[tuple[str, Any]]:
        """Return what a module itself holds: its class, hooks, parameters, buffers, plain attributes, names of children.

        Parameters
        ----------
        module : nn.Module
        above : tuple of int

        Returns
        -------
        list of (str, object)
            Without its mode and which parameters are trainable: an audit is made in eval mode and without gradients.
        """
        kind = type(module)
        found = [("class", (kind.__module__, kind.__qualname__, id(kind))), ("code", self.read(kind, above))]
        if isinstance(module, torch.jit.ScriptModule):
            return [*found, ("script", module.code), ("state", self.read(module.state_dict(), above))]
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers"):
                found += [(f"{name}.{key}", self.read(held, above)) for key, held in value.items()]
            elif name in ("_forward_hooks", "_forward_pre_hooks"):
                if value:
                    found.append((name, tuple(self.read(hook, above) for hook in value.values())))
            elif name == "_modules":
                here = [(key, None if id(child) in self.places else self.read(child, above)) for key, child in value.items()]
                found.append((name, tuple(here)))
            elif name not in INTERNAL:
                found.append((name, self.read(value, above)))
        return found


# of every module; what they say is read by other means or does not change a forward pass in eval mode
INTERNAL = frozenset(vars(nn.Module())) | {"labkit_facts", "labkit_origin", "labkit_source", "loaded_from"}


@functools.cache
def _root_installed(root: str) -> bool:
    file = getattr(sys.modules.get(root), "__file__", None)
    if root == "__main__":
        return False
    return root in ("labkit", *sys.builtin_module_names, *sys.stdlib_module_names) or "site-packages" in (file or "")


def installed(module: str | None) -> bool:
    """Return whether code comes from a library, which does not change while a process runs.

    Parameters
    ----------
    module : str or None
        Name of the module that defines it.

    Returns
    -------
    bool
    """
    return module is not None and _root_installed(module.partition(".")[0])


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _code(code: types.CodeType) -> Any:
    constants = tuple(_code(held) if inspect.iscode(held) else repr(held) for held in code.co_consts)
    return code.co_code, constants, code.co_names


def _names(code: types.CodeType) -> list[str]:
    inner = [name for held in code.co_consts if inspect.iscode(held) for name in _names(held)]
    return list(dict.fromkeys([*code.co_names, *inner]))
