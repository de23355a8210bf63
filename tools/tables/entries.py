"""Tables made from the registries: what entries there are, and the parameters of each."""

from collections.abc import Callable
from typing import Any

from labkit.registry import Choice, Names, Optional, Param, Registry
from tables.sources import markdown


def options(entry: Any) -> str:
    """One row per parameter of a method, rule or measure."""
    if not entry.params:
        return "None."
    rows = ((f"`{name}`", values(param), default(param), param.help) for name, param in entry.params.items())
    return markdown(("parameter", "values", "default", "meaning"), rows, left=4)


def values(param: Any) -> str:
    """Return the allowed values in words."""
    if isinstance(param, Optional):
        return f"{values(param.inner)}, or unset"
    if isinstance(param, Param):
        return f"{'integer' if param.whole else 'number'}, {param.low:g} to {param.high:g}"
    if isinstance(param, Choice):
        return ", ".join(f"`{option}`" for option in param.options) + (" or a pattern" if param.free else "")
    if isinstance(param, Names):
        return "names or patterns"
    return str(param.domain)


def default(param: Any) -> str:
    """Return the default as it is written on the command line."""
    if param.default is None:
        return "unset"
    return f"`{param.default}`" if param.default != () else "none"


def facts(entry: Any) -> str:
    """What the registry says about an entry besides its parameters."""
    rows = [(label, text) for label, text in FACTS[entry.kind](entry) if text]
    return markdown(("property", "value"), rows, left=2)


def _method_facts(entry: Any) -> list[tuple[str, str]]:
    data = {"nothing": "only the model", "optional": "the model; calibration inputs are optional"}
    return [
        ("name", f"`{entry.name}`"),
        ("needs", data.get(entry.needs, f"{entry.needs} data")),
        ("time", entry.speed),
        ("on the page Live", "yes" if entry.live else "no"),
        ("version", str(entry.version)),
    ]


def _rule_facts(entry: Any) -> list[tuple[str, str]]:
    return [("name", f"`{entry.name}`"), ("version", str(entry.version))]


def _measure_facts(entry: Any) -> list[tuple[str, str]]:
    limit = entry.limit
    option = (limit.name or entry.key) if limit is not None else ""
    return [
        ("name", f"`{entry.key}`"),
        ("unit", entry.unit),
        ("better", entry.better),
        ("computed", "always" if entry.when == "always" else "only when named"),
        ("needs", ", ".join(entry.needs)),
        ("tasks", ", ".join(entry.tasks)),
        ("limit", f"`--{option.replace('_', '-')}`" if option else ""),
        ("tables", ", ".join(f"`{name}`" for name in entry.tables)),
        ("defined in", f"`{entry.compute.__module__}`" if hasattr(entry.compute, "__module__") else ""),
        ("version", str(entry.version)),
    ]


FACTS: dict[str, Callable[[Any], list[tuple[str, str]]]] = {
    "method": _method_facts,
    "rule": _rule_facts,
    "measure": _measure_facts,
}


def _methods(registry: Registry) -> str:
    rows = ((f"[{e.name}]({e.name}.md)", e.title, e.needs, "yes" if e.live else "no", e.paper) for e in registry.values())
    return markdown(("method", "title", "needs", "Live", "source"), rows, left=5)


def _rules(registry: Registry) -> str:
    rows = ((f"[{e.name}]({e.name}.md)", e.title, ", ".join(f"`{name}`" for name in e.own), e.paper) for e in registry.values())
    return markdown(("rule", "title", "own parameters", "source"), rows, left=4)


def _measures(registry: Registry) -> str:
    rows = ((f"[{e.key}]({e.key}.md)", e.title, e.better, e.when, ", ".join(e.needs), e.help) for e in registry.values())
    return markdown(("measure", "title", "better", "when", "needs", "meaning"), rows, left=6)


OVERVIEWS: dict[str, Callable[[Registry], str]] = {"methods": _methods, "rules": _rules, "measures": _measures}
