"""Check the docstrings of labkit's public API with numpydoc's validator; nothing of labkit is imported.

    python tools/docstrings.py [PATH ...] [--all] [--count]

Checked in full is what users call: the names in ``__all__`` of every package, every public name of the modules beside them
(labkit/registry.py, ...), and the public methods of these classes. Other public functions and classes need a summary, and
sections that agree with the signature where there are any; ``--all`` holds them to the full check too.

Not checked: methods that override a documented one (``forward``, ``state_dict``, ...), commands of click (their docstring is
the help text), private names.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from numpydoc.hooks.validate_docstrings import AstValidator
from numpydoc.validate import validate

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "labkit"
SUMMARY = {"GL08", "SS01", "SS02", "SS03", "SS06"}
AGREEMENT = {"PR02", "PR03", "GL06", "GL07"}
COMPLETE = {"PR01", "RT01", "YD01"}
# raised by name, or built by a helper that returns a ValueError
ERRORS = {"ValueError", "TypeError", "OSError", "unknown_name"}
# methods that torch, pathlib and the like document
INHERITED = {"forward", "extra_repr", "state_dict", "load_state_dict", "reset_parameters", "train", "step", "zero_grad"}
FIELDS = {"dataclass", "NamedTuple", "TypedDict"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Item:
    """A function, method or class with a place in the package.

    Attributes
    ----------
    path : Path
        Its file.
    name : str
        ``function``, ``Class`` or ``Class.method``.
    node : ast.AST
        Its definition.
    ancestry : list of ast.AST
        Module and class around it.
    exported : bool
        Whether users call it.
    """

    path: Path
    name: str
    node: Function | ast.ClassDef
    ancestry: list[ast.AST]
    exported: bool


def main() -> int:
    """Print every finding, or the coverage, and return the exit status.

    Returns
    -------
    int
        1 if there are findings.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[PACKAGE], help="files or folders of labkit")
    parser.add_argument("--all", action="store_true", help="full check of every public function, exported or not")
    parser.add_argument("--count", action="store_true", help="print the coverage instead of the findings")
    asked = parser.parse_args()
    files = [file for path in asked.paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    items = [item for file in files for item in items_of(file.resolve())]
    if asked.count:
        print(coverage(items))
        return 0
    found = [line for item in items for line in findings(item, full=asked.all or item.exported)]
    print("\n".join([*found, f"{len(items)} public docstrings, {len(found)} findings"]))
    return bool(found)


def items_of(path: Path) -> Iterator[Item]:
    """Yield the public functions, classes and methods of a file.

    Parameters
    ----------
    path : Path
        A module of labkit.

    Yields
    ------
    Item
        In the order of the file.
    """
    module = parsed(path)
    for node in module.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_") or _is_exempt(node):
            continue
        shown = path.parent == PACKAGE or (path, node.name) in exports()
        yield Item(path, node.name, node, [module], shown)
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, Function) and not method.name.startswith("_") and not _is_inherited(method, node, path):
                    yield Item(path, f"{node.name}.{method.name}", method, [module, node], shown)


def findings(item: Item, *, full: bool) -> Iterator[str]:
    """Yield one line for each violation.

    Parameters
    ----------
    item : Item
        What is checked.
    full : bool
        Whether all sections are required.

    Yields
    ------
    str
        ``file:line name: code message``.
    """
    checks = SUMMARY | AGREEMENT | (COMPLETE if full else set())
    fields = _fields(item.node)
    if fields is not None:
        checks -= {"PR01", "PR02", "PR03"}
    if _is_property(item.node):
        checks -= {"RT01"}
    report = validate(item.name, AstValidator, ast_node=item.node, filename=item.path, ancestry=item.ancestry)
    found = [(code, message) for code, message in report["errors"] if code in checks]
    if ast.get_docstring(item.node) and full:
        missing = [name for name in fields or () if name not in _documented(item)]
        if missing:
            found.append(("PR01", f"Fields {missing} not documented"))
        if _raises(item.node) and "Raises" not in _sections(item):
            found.append(("RS01", f"No Raises section, but {', '.join(sorted(_raises(item.node)))} is raised"))
    for code, message in found:
        yield f"{item.path.relative_to(ROOT)}:{item.node.lineno} {item.name}: {code} {message}"


def coverage(items: list[Item]) -> str:
    """Count how many docstrings have the sections they need.

    Parameters
    ----------
    items : list of Item
        Public functions, methods and classes.

    Returns
    -------
    str
        One line for exported names, one for all.
    """
    lines = []
    for title, chosen in (("exported", [item for item in items if item.exported]), ("all public", items)):
        need: Counter[str] = Counter()
        have: Counter[str] = Counter()
        for item in chosen:
            documented = bool(ast.get_docstring(item.node))
            validator = _validator(item)
            names = _fields(item.node) or validator.signature_parameters
            function = validator.is_function_or_method and not _is_property(item.node)
            returns = function and validator.method_returns_something
            for section, needed, given in (
                ("docstring", True, documented),
                ("Parameters", bool(names), documented and set(names) <= _documented(item)),
                ("Returns", returns, documented and bool(validator.returns)),
                ("Raises", bool(_raises(item.node)), documented and "Raises" in _sections(item)),
            ):
                need[section] += needed
                have[section] += needed and given
        lines.append(f"{title}: " + ", ".join(f"{section} {have[section]}/{need[section]}" for section in need))
    return "\n".join(lines)


# ---- what is public ---------------------------------------------------------------------------------------


@cache
def parsed(path: Path) -> ast.Module:
    """Parse a file once.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    ast.Module
        Its syntax tree.
    """
    return ast.parse(path.read_text(), str(path))


@cache
def exports() -> set[tuple[Path, str]]:
    """Resolve ``__all__`` of every package to where the names are defined.

    Returns
    -------
    set of (Path, str)
        File and name; imports are followed through packages that pass a name on.
    """
    found = set()
    for package in PACKAGE.rglob("__init__.py"):
        for node in parsed(package).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                found |= {_origin(package, name) for name in ast.literal_eval(node.value)}
    return found


def _origin(path: Path, name: str) -> tuple[Path, str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labkit"):
            for alias in node.names:
                source = _file_of(node.module or "")
                if (alias.asname or alias.name) == name and source is not None and source != path:
                    return _origin(source, alias.name)
    return path, name


def _file_of(module: str) -> Path | None:
    stem = ROOT.joinpath(*module.split("."))
    return next((file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.exists()), None)


def _is_exempt(node: Function | ast.ClassDef) -> bool:
    """Whether it is a command of click, an overload or a function of numba's type system."""
    names = {ast.unparse(decorator).split("(")[0].rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"command", "group", "overload", "intrinsic"})


def _is_inherited(method: Function, owner: ast.ClassDef, path: Path) -> bool:
    """Whether a base class documents the method."""
    if owner.bases and method.name in INHERITED:
        return True
    return any(method.name in _documented_methods(base) for base in _bases(owner, path))


def _bases(owner: ast.ClassDef, path: Path) -> Iterator[ast.ClassDef]:
    """Base classes within labkit, all the way up."""
    for base in owner.bases:
        home, name = _origin(path, ast.unparse(base).split("[")[0])
        for node in parsed(home).body:
            if isinstance(node, ast.ClassDef) and node.name == name and node is not owner:
                yield node
                yield from _bases(node, home)


def _documented_methods(node: ast.ClassDef) -> set[str]:
    return {method.name for method in node.body if isinstance(method, Function) and ast.get_docstring(method)}


# ---- what a docstring needs and has -----------------------------------------------------------------------


def _fields(node: ast.AST) -> list[str] | None:
    """Public fields of a dataclass or named tuple, None for anything else."""
    if not isinstance(node, ast.ClassDef):
        return None
    marks = {ast.unparse(mark).split("(")[0].rpartition(".")[2] for mark in (*node.decorator_list, *node.bases)}
    if not marks & FIELDS or any(isinstance(part, Function) and part.name == "__init__" for part in node.body):
        return None
    named = [part for part in node.body if isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part.annotation)]
    return [name for part in named if not (name := ast.unparse(part.target)).startswith("_")]


def _is_property(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(mark).rpartition(".")[2] in ("property", "cached_property", "setter") for mark in decorators)


def _validator(item: Item) -> AstValidator:
    return AstValidator(ast_node=item.node, filename=item.path, obj_name=item.name, ancestry=item.ancestry)


def _sections(item: Item) -> list[str]:
    return _validator(item).section_titles


def _documented(item: Item) -> set[str]:
    """Names under Parameters, Other Parameters and Attributes."""
    doc = _validator(item).doc
    sections = ("Parameters", "Other Parameters", "Attributes")
    return {name.replace("\\", "") for section in sections for entry in doc[section] for name in entry.name.split(", ")}


def _raises(node: ast.AST) -> set[str]:
    """Errors that a function raises itself, or a class at construction; nested functions and handlers that re-raise left out."""
    if isinstance(node, ast.ClassDef):
        starts = [
            part for part in node.body if isinstance(part, Function) and part.name in ("__init__", "__post_init__", "__new__")
        ]
        return {name for start in starts for name in _raises(start)}
    found = set()
    waiting = list(getattr(node, "body", []))
    while waiting:
        part = waiting.pop()
        if isinstance(part, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(part, ast.Raise) and part.exc is not None:
            found |= {ast.unparse(part.exc).split("(")[0].rpartition(".")[2]} & ERRORS
        waiting.extend(ast.iter_child_nodes(part))
    return {"ValueError" if name == "unknown_name" else name for name in found}


if __name__ == "__main__":
    sys.exit(main())
