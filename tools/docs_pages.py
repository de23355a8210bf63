"""The generated parts of docs/: pages of methods, measures, rules and rooms, and the tables inside written pages.

`mkdocs.yml` names tools/docs_hooks.py, which calls `pages` and `filled`; nothing here needs mkdocs, so that tests can call it, too.
"""

import importlib
import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from tables import TABLES
from tables.entries import OVERVIEWS, facts, options
from tables.shipped import gallery_table, measure_table
from tables.sources import ROOT
from tables.sparse import sparse_table

from labkit.registry import HOMES, Entry, Registry

DOCS = ROOT / "docs"
ROOMS = ("data", "models", "compress", "audit", "cost", "sparsify", "layers", "kernels", "training", "runs", "live", "figures")
TITLES = {"labkit.registry": "Registries", "labkit.plugins": "Plugins"}


def registries() -> dict[str, Registry]:
    """Return the registries by the name of their section: methods, rules, measures."""
    found = {}
    for group, (module, name) in HOMES.items():
        found[group.removeprefix("labkit.")] = getattr(importlib.import_module(module), name)
    return found


def pages() -> dict[str, str]:
    """Return the Markdown of every generated page by its path below docs/; written pages are not among them."""
    made = {f"api/{room}.md": api_page(f"labkit.{room}") for room in ROOMS}
    made["api/registry.md"] = api_page("labkit.registry", "labkit.plugins")
    made["changelog.md"] = (ROOT / "CHANGELOG.md").read_text()
    for section, registry in registries().items():
        for name, entry in registry.items():
            path = f"{section}/{name}.md"
            if not (DOCS / path).is_file():
                made[path] = entry_page(section, entry)
    return made


def sections() -> dict[str, list[str]]:
    """Return the pages of each generated section of the navigation, in the order of the registry."""
    found = {section: [f"{section}/{name}.md" for name in registry] for section, registry in registries().items()}
    return {**found, "api": [f"api/{room}.md" for room in (*ROOMS, "registry")]}


def filled(text: str, path: str) -> str:
    """Return the Markdown of the page at `path` with every marker replaced by what it names.

    ``<!-- table NAME -->`` is a table of tools/tables, ``<!-- entries SECTION -->`` the overview of a registry, ``<!-- file F -->``
    a file of docs/; ``<!-- options -->``, ``<!-- facts -->`` and ``<!-- results -->`` are about the entry whose page it is.
    """
    text = re.sub(r"<!-- table (.+?) -->", lambda m: TABLES[m[1]](), text)
    text = re.sub(r"<!-- file (.+?) -->", lambda m: _code((DOCS / m[1]).read_text()), text)
    known = registries()
    text = re.sub(r"<!-- entries (\w+) -->", lambda m: OVERVIEWS[m[1]](known[m[1]]) if m[1] in known else "", text)
    section, _, name = path.removesuffix(".md").partition("/")
    if section in known and name in known[section]:
        entry = known[section][name]
        markers = {"options": partial(options, entry), "facts": partial(facts, entry), "results": partial(_results, entry)}
        for marker, make in markers.items():
            text = text.replace(f"<!-- {marker} -->", make()) if f"<!-- {marker} -->" in text else text
    return text


def entry_page(section: str, entry: Entry) -> str:
    """Return the page of an entry that has no written one: what the registry and the docstring of its function say."""
    parts = [f"# {entry.title[:1].upper()}{entry.title[1:]}"]
    definition = description(entry).removeprefix("Return ")
    parts += [
        text for text in (getattr(entry, "help", ""), definition[:1].upper() + definition[1:], getattr(entry, "watch", "")) if text
    ]
    parts.append("<!-- facts -->")
    if entry.params:
        parts += ["## Options", "<!-- options -->"]
    parts += ["## Use", USES[section](entry)]
    if _results(entry):
        parts += ["## Results", "<!-- results -->"]
    if getattr(entry, "paper", ""):
        parts += ["## Reference", entry.paper]  # type: ignore[attr-defined]
    return "\n\n".join(parts) + "\n"


def description(entry: Entry) -> str:
    """Return what the docstring of the entry's function, or of a rule's file, says before its first section."""
    function: Any = next(getattr(entry, name) for name in ("apply", "compute", "make") if hasattr(entry, name))
    function = getattr(function, "func", function)
    source = inspect.getmodule(function) if entry.kind == "rule" else function
    text = (inspect.getdoc(source) or "") if inspect.getmodule(function) is not None else ""
    return re.split(r"\n\n?[A-Z][a-z ]+\n-{3,}", text)[0].strip().replace("``", "`")


def api_page(*modules: str) -> str:
    """Return the page of a room: everything it exports, by its docstrings."""
    return "\n\n".join(_module(name, "#" if not turn else "##") for turn, name in enumerate(modules)) + "\n"


def _module(name: str, heading: str) -> str:
    module = importlib.import_module(name)
    own, others = [], []
    for public in _public(name, module):
        home = _home(module, public)
        if home.startswith(f"{name}."):
            own.append(home)
        else:
            others.append(f"[`{public}`][{home}]")
    parts = [f"{heading} {TITLES.get(name, f'`{name}`')}", inspect.getdoc(module) or ""]
    if others:
        parts.append("Also exported here: " + ", ".join(others) + ".")
    return "\n\n".join([*parts, *(f"::: {home}" for home in own)])


def _public(name: str, module: Any) -> list[str]:
    own = [key for key, value in vars(module).items() if not key.startswith("_") and getattr(value, "__module__", "") == name]
    return sorted(getattr(module, "__all__", own), key=lambda key: (key.isupper(), key.lower()))


def _home(module: Any, public: str) -> str:
    """Where a function or class is defined: its public path is ambiguous where a submodule has the same name."""
    value = getattr(module, public)
    if inspect.ismodule(value):
        return value.__name__
    if hasattr(value, "__qualname__") and getattr(value, "__module__", "").startswith("labkit."):
        return f"{value.__module__}.{value.__qualname__}"
    return f"{module.__name__}.{public}"


def _code(text: str) -> str:
    return f"```python\n{text.rstrip()}\n```"


def _results(entry: Entry) -> str:
    makers: dict[str, Callable[[], str]] = {
        "method": partial(gallery_table, entry.name),
        "rule": partial(sparse_table, rules=("dense", entry.name)),
        "measure": partial(measure_table, entry),
    }
    table = makers[entry.kind]()
    found = f"\n| {entry.name} |" in table if entry.kind == "rule" else table.count("\n") > 1
    return table if found else ""


def _use_method(entry: Any) -> str:
    return f"```\nlabkit compress --model vit_fashion --method {entry.name}\n```"


def _use_rule(entry: Any) -> str:
    code = f"```python\nsparsifier = sparsify.make_sparse(model, {entry.name!r}, total_steps=10_000)\n```"
    return f"{code}\n\n```\nlabkit train vit_fashion --sparsify {entry.name}\n```"


def _use_measure(entry: Any) -> str:
    return (
        f"```python\naudit.audit(small, ds.test, reference=model).summary[{entry.name!r}]\n```"
        if entry.when == "always"
        else f"```\nlabkit audit --model vit_fashion --measures {entry.name}\n```"
    )


USES: dict[str, Callable[[Any], str]] = {"methods": _use_method, "rules": _use_rule, "measures": _use_measure}
