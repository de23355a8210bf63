"""The first and the last layer of a network, in the order in which they are called as far as its source tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from torch import nn

from labkit.layers.plain import BASES
from labkit.layers.reading import Path, is_torchs, python_function, reader_of, tree_of

DEPTH = 8  # methods that call methods
UNKNOWN = object()


def first_and_last(model: nn.Module) -> set[str]:
    """Return the paths of the first and the last layer with a weight matrix or kernel.

    A module's forward tells the order of its parts if it mentions all of them that hold layers; otherwise they are taken in the
    order in which they were registered.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    set of str

    Examples
    --------
    >>> sorted(first_and_last(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))))
    ['0', '3']
    """
    paths = list(_ordered(model, ""))
    return {paths[0], paths[-1]} if paths else set()


def _ordered(module: nn.Module, path: str) -> Iterator[str]:
    if isinstance(module, BASES):
        yield path
        return
    for name in _parts(module):
        part = module._modules[name]
        if part is not None:
            yield from _ordered(part, f"{path}.{name}" if path else name)


def _parts(module: nn.Module) -> list[str]:
    """Names of the submodules that hold layers, in order of their calls; one that is called in several places comes as often."""
    registered = [name for name, part in module._modules.items() if part is not None and _holds_layers(part)]
    if len(registered) < 2 or is_torchs(type(module)) or "forward" in vars(module):
        return registered
    called = [path[0] for path in _method(module, "forward", 0) if path and path[0] in registered]
    return called if set(called) == set(registered) else registered


def _holds_layers(module: nn.Module) -> bool:
    return any(isinstance(part, BASES) for part in module.modules())


def _method(module: nn.Module, name: str, depth: int) -> list[Path]:
    """Attribute paths that a method calls or hands on, in the order of execution; methods of ``self`` are followed."""
    for owner in type(module).__mro__:
        if name in vars(owner):
            function = python_function(vars(owner)[name])
            tree = None if function is None or is_torchs(owner) else tree_of(function)
            return [] if tree is None or depth > DEPTH else _Executed(module, tree, depth).paths
    return []


class _Executed(ast.NodeVisitor):
    """Collects what is called, arguments before the call; branches that the module does not take in eval mode are left out."""

    def __init__(self, module: nn.Module, tree: ast.FunctionDef | ast.Lambda, depth: int) -> None:
        self.module, self.depth = module, depth
        self.known = reader_of(tree, is_method=True)
        self.paths: list[Path] = []
        for part in tree.body if isinstance(tree.body, list) else [tree.body]:
            self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        for part in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._used(part)
        self._used(node.func)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        taken = self._truth(node.test)
        for branch, way in ((node.body, True), (node.orelse, False)):
            if taken is None or taken == way:
                for part in branch if isinstance(branch, list) else [branch]:
                    self.visit(part)

    visit_IfExp = visit_If

    def _used(self, node: ast.expr) -> None:
        paths = self.known.paths(node)
        if paths is None:
            self.visit(node)
        for path in filter(None, paths or []):
            if python_function(getattr(type(self.module), path[0], None)) is not None:
                self.paths += _method(self.module, path[0], self.depth + 1)
            else:
                self.paths.append(path)

    def _truth(self, test: ast.expr) -> bool | None:
        """Whether a condition on attributes of ``self`` holds in eval mode; None where it cannot be known."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._truth(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ast.BoolOp):
            parts = [self._truth(part) for part in test.values]
            decisive = isinstance(test.op, ast.Or)
            return decisive if decisive in parts else None if None in parts else not decisive
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot)) and len(test.ops) == 1:
            value = self._value(test.left)
            is_none = value is None
            return None if value is UNKNOWN or not _is_none(test.comparators[0]) else is_none == isinstance(test.ops[0], ast.Is)
        value = self._value(test)
        return value if isinstance(value, bool) else False if value is None else None

    def _value(self, node: ast.expr) -> Any:
        paths = self.known.paths(node) or []
        if len(paths) != 1 or len(paths[0]) != 1 or not hasattr(self.module, paths[0][0]):
            return UNKNOWN
        return False if paths[0][0] == "training" else getattr(self.module, paths[0][0])


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
