"""Layers of which a network reads more than their output, e.g. multiplies with ``self.qkv.weight`` itself; found in its source."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from labkit.layers.plain import BASES

# what every new layer offers, and of its weight what needs no values
OFFERED = frozenset(dir(nn.Module())) - {"_parameters", "_buffers", "_modules"} | {
    *("bias", "training", "in_features", "out_features", "in_channels", "out_channels", "kernel_size", "stride", "padding"),
    *("dilation", "groups", "padding_mode", "transposed", "output_padding"),
}
OF_WEIGHT = frozenset({"device", "dtype", "is_cuda", "is_meta", "requires_grad"})
HARMLESS = ("hasattr", "type", "len", "callable", "id")
Path = tuple[str, ...]
DEPTH = 3
# methods that hand out weights by name; parameters() is mostly asked for a device
BY_NAME = frozenset({"named_parameters", "state_dict", "get_parameter"})
# marks at the end of a path for what is done with it
ASKED = {"isinstance": "asks for its class", "keywords": "calls it with a keyword argument"}


@dataclass
class Reads:
    """What the code of a class does with attributes of ``self``.

    Parameters
    ----------
    chains : list of tuple of str
        Attribute paths that are read: ``self.fc.weight.T`` is ("fc", "weight", "T"); an index is "[0]", or "[*]" if not known.
    bare : list of tuple of str
        Paths that are handed on as values, e.g. as an argument.
    weights : bool
        Whether a weight is read of something that cannot be traced back to an attribute.
    """

    chains: list[Path] = field(default_factory=list)
    bare: list[Path] = field(default_factory=list)
    weights: bool = False


def read_layers(model: nn.Module) -> dict[str, str]:
    """Return the layers that a network uses in other ways than by calling them.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to str
        Path of a linear layer or convolution -> what reads which attribute, e.g. "Attention reads its weight".
    """
    found: dict[str, str] = {}
    for path, module in model.named_modules():
        if not any(True for _ in module.children()) or is_torchs(type(module)):
            continue
        forward = vars(module).get("forward")
        kind: Any = type(module)
        for place, what in _uses(module, _of_class(kind) if forward is None else _of(kind, forward)):
            found.setdefault(f"{path}.{place}" if path else place, f"{type(module).__name__} {what}")
    return found


def _uses(module: nn.Module, reads: Reads) -> Iterator[tuple[str, str]]:
    by_name = next((chain[0] for chain in reads.chains if chain and chain[0] in BY_NAME), None)
    if by_name is not None:
        for place, layer in module.named_modules():
            if place and isinstance(layer, BASES):
                yield place, f"reads weights by name ({by_name})"
    for chain in reads.chains:
        for place, rest in _walk(module, chain):
            what = _past_forward(module.get_submodule(place), rest)
            if what:
                yield place, what
    if reads.weights:
        for chain in reads.bare:
            for place, rest in _walk(module, chain):
                if not rest:
                    yield place, "hands it to code that reads a weight"


def _past_forward(layer: nn.Module, rest: Path) -> str:
    """What is read of a layer that a new one would not offer; "" for nothing."""
    if not rest or rest[0] in OFFERED or (rest[0] not in ("weight", *ASKED) and rest[0] in vars(layer)):
        return ""
    if rest[0].startswith("["):  # layers have no entries: the path was followed one step too far
        return ""
    if rest[0] in ASKED:
        return ASKED[rest[0]]
    if rest[0] == "weight":
        return "" if len(rest) > 1 and rest[1] in OF_WEIGHT else "reads its weight without calling it"
    return f"reads its attribute {rest[0]}"


def _walk(module: nn.Module, chain: Path, place: str = "") -> list[tuple[str, Path]]:
    """Follow an attribute path to linear layers and convolutions; return their paths and what is read of them."""
    if isinstance(module, BASES):
        return [(place, chain)]
    inside = {name: child for name, child in module._modules.items() if child is not None}
    if not chain:
        members = inside if isinstance(module, (nn.ModuleList, nn.Sequential, nn.ModuleDict)) else {}
        return [(f"{place}.{name}", ()) for name, child in members.items() if isinstance(child, BASES)]
    head, rest = chain[0], chain[1:]
    if head.startswith("["):
        names = [*inside] if head == "[*]" else [name for name in inside if name == _index(head, inside)]
    else:
        names = [head] if head in inside else []
    found = []
    for name in names:
        found += _walk(inside[name], rest, f"{place}.{name}" if place else name)
    return found


def _index(head: str, inside: dict[str, nn.Module]) -> str:
    key = head[1:-1]
    return str(len(inside) + int(key)) if key.startswith("-") and key[1:].isdigit() else key


@functools.lru_cache(maxsize=1024)
def _of_class(kind: Any) -> Reads:
    return _of(kind, None)


def _of(kind: type, forward: Any) -> Reads:
    """Read the forward of a class, and the methods and functions that it calls."""
    reads, waiting, done = Reads(), ["forward", "__call__"], set()
    if forward is not None:
        _read(python_function(forward), reads, 0)
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        for owner in kind.__mro__:
            method = vars(owner).get(name)
            function = python_function(method.fget if isinstance(method, property) else method)
            if function is not None and not is_torchs(owner):
                waiting += _read(function, reads, 0)
            if function is not None and "super" not in function.__code__.co_names:
                break  # what it overrides does not run
    return reads


def python_function(function: Any) -> types.FunctionType | None:
    """The Python function behind a method, decorator or partial."""
    for _ in range(10):
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, (types.MethodType, staticmethod, classmethod)):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
    return function if isinstance(function, types.FunctionType) else None


def is_torchs(kind: Any) -> bool:
    """Whether code is of torch itself, whose modules read weights in a fast path only, which is switched off."""
    where = getattr(kind, "__module__", "") or ""
    return where.partition(".")[0] in ("torch", "einops", "numpy", "math")


def _read(function: types.FunctionType | None, reads: Reads, depth: int) -> list[str]:
    """Add what a function reads; return the names of methods of ``self`` that it mentions."""
    if function is None or depth > DEPTH or is_torchs(function):
        return []
    tree = tree_of(function)
    if tree is None:  # e.g. a class typed into a shell: by the names in its code alone
        names = set(_names(function.__code__))
        reads.weights |= bool({"weight", "_parameters"} & names)
        reads.bare += [(name,) for name in names]
        return sorted(names)
    reader = reader_of(tree, is_method=depth == 0)
    reads.chains += reader.chains
    reads.bare += reader.bare
    reads.weights |= reader.weights
    for name in reader.functions:
        _read(python_function(function.__globals__.get(name)), reads, depth + 1)
    # a decorator holds the function that it stands for
    held = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    inner = [_read(part, reads, depth) for part in held if isinstance(part, types.FunctionType) and part is not function]
    return [*reader.methods, *(name for names in inner for name in names)]


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from (const for const in code.co_consts if isinstance(const, str) and const.isidentifier())
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)


@functools.lru_cache(maxsize=2048)
def tree_of(function: types.FunctionType) -> ast.FunctionDef | ast.Lambda | None:
    """Return the syntax tree of a function; None where its source is not there, e.g. typed into a shell."""
    try:
        parsed = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return next((node for node in ast.walk(parsed) if isinstance(node, (ast.FunctionDef, ast.Lambda))), None)


class Reader(ast.NodeVisitor):
    """Collects the attribute paths of ``self`` in one function; names that are assigned from them are followed."""

    def __init__(self, tree: ast.FunctionDef | ast.Lambda, is_method: bool) -> None:
        self.chains: list[Path] = []
        self.bare: list[Path] = []
        self.weights = False
        self.functions: list[str] = []
        arguments = [*tree.args.posonlyargs, *tree.args.args]
        self.known: dict[str, list[Path]] = {arguments[0].arg: [()]} if is_method and arguments else {}
        body = tree.body if isinstance(tree.body, list) else [tree.body]
        for _ in range(2):  # a name may be used above the line that assigns it, in a loop
            for part in body:
                self._follow(part)
        for part in body:
            self.visit(part)

    @property
    def methods(self) -> list[str]:
        """First names of every path: methods of the class among them."""
        return [chain[0] for chain in self.chains if chain]

    def _follow(self, tree: ast.AST) -> None:
        """Note which names stand for attributes of ``self``: assigned, or loop variables."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value, False) for target in node.targets]
            elif isinstance(node, (ast.For, ast.comprehension)):
                pairs = [(node.target, node.iter, True)]
            elif isinstance(node, (ast.NamedExpr, ast.AnnAssign)) and node.value is not None:
                pairs = [(node.target, node.value, False)]
            else:
                continue
            for target, value, loops in pairs:
                paths = [(*path, "[*]") if loops else path for path in self._paths_in(value, loops)]
                for name in ast.walk(target) if paths else ():
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                        held = self.known.setdefault(name.id, [])
                        held += [path for path in paths if path not in held and len(path) < 8]

    def _paths_in(self, value: ast.AST, loops: bool) -> list[Path]:
        """Paths that an assigned value may be; results of calls are not, except of enumerate, zip and the like in loops."""
        paths = self.paths(value)
        if paths is not None:
            return [path for path in paths if path]
        if isinstance(value, ast.IfExp):
            return [*self._paths_in(value.body, loops), *self._paths_in(value.orelse, loops)]
        if isinstance(value, (ast.Tuple, ast.List)):
            return [path for part in value.elts for path in self._paths_in(part, loops)]
        if loops and isinstance(value, ast.Call):
            parts = [path for part in value.args for path in self._paths_in(part, loops)]
            holder = self.paths(value.func.value) if isinstance(value.func, ast.Attribute) else None
            return [*parts, *(path for path in holder or [] if path)]
        return []

    def paths(self, node: ast.AST) -> list[Path] | None:
        """Attribute paths of ``self`` that an expression stands for; None where it is something else."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            inner, step = self.paths(node.value), node.attr
        elif isinstance(node, ast.Subscript):
            if isinstance(node.slice, ast.Slice):  # of a list: a shorter list
                return self.paths(node.value)
            inner, step = self.paths(node.value), f"[{_constant(node.slice)}]"
        elif _is_getattr(node):
            inner, step = self.paths(node.args[0]), str(_constant(node.args[1]))  # type: ignore[attr-defined]
            step = "[*]" if step == "*" else step
        else:
            return None
        return None if inner is None else [(*path, step) for path in inner]

    def visit(self, node: ast.AST) -> None:
        """Take note of a path, or visit the parts of anything else."""
        paths = self.paths(node)
        if paths is not None:
            self.chains += paths
            self.bare += [path for path in paths if path]
            self._inside(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute) or _is_getattr(node):
            name = node.attr if isinstance(node, ast.Attribute) else _constant(node.args[1])  # type: ignore[attr-defined]
            self.weights |= name in ("weight", "_parameters")
            self.generic_visit(node)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)) and self.paths(node.test) is not None:
            self.chains += self.paths(node.test) or []
            for part in ast.iter_child_nodes(node):
                if part is not node.test:
                    self.visit(part)
        elif isinstance(node, ast.Compare) and all(isinstance(part, ast.Constant) for part in node.comparators):
            self._mentioned(node.left)
        elif isinstance(node, (ast.For, ast.comprehension)) and self.paths(node.iter) is not None:
            self._mentioned(node.iter)
            for part in ast.iter_child_nodes(node):
                if part not in (node.iter, node.target):
                    self.visit(part)
        elif isinstance(node, ast.Assign) and self.paths(node.value) is not None:
            self._mentioned(node.value)
        else:
            self.generic_visit(node)

    def _mentioned(self, node: ast.AST) -> None:
        """A path that is looked at or gets a name, without being handed on."""
        paths = self.paths(node)
        if paths is None:
            self.visit(node)
        else:
            self.chains += paths
            self._inside(node)

    def _inside(self, node: ast.AST) -> None:
        """Visit the indices within a path."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node, ast.Subscript):
                self.visit(node.slice)
            node = node.value

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if _is_getattr(node):
            self.weights |= _constant(node.args[1]) in ("weight", "_parameters")
        if name == "isinstance" and len(node.args) == 2:
            words = ast.dump(node.args[1])
            paths = self.paths(node.args[0])
            self._mentioned(node.args[0])
            if paths and ("Linear" in words or "Conv" in words):
                self.chains += [(*path, "isinstance") for path in paths]
            return
        if name in HARMLESS:
            for part in arguments:
                self._mentioned(part)
            return
        if name is not None and name not in self.known:
            self.functions.append(name)
        self._mentioned(node.func)
        if node.keywords:
            self.chains += [(*path, "keywords") for path in self.paths(node.func) or [] if path]
        for part in arguments:
            self.visit(part)


@functools.lru_cache(maxsize=2048)
def reader_of(tree: ast.FunctionDef | ast.Lambda, is_method: bool) -> Reader:
    """Return what one function reads, worked out once; `tree_of` keeps the tree by the function itself. Not to be changed."""
    return Reader(tree, is_method)


def _is_getattr(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) >= 2


def _constant(node: ast.AST) -> str:
    """The text of a constant index; "*" where it is not known."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return f"-{node.operand.value!r}"
    return "*"
