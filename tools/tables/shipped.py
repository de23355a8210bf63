"""Tables of the reference models and of the shipped runs."""

from functools import cache
from typing import Any

from labkit import models, runs
from labkit.audit.formats import format_of
from labkit.compress import METHODS
from labkit.registry import Param
from tables.sources import markdown, percent

RUN_HEAD = ("model", "method", "accuracy", "change", "affected classes", "bytes")
# the rows of the README: for each method a mild, a usual and an extreme setting
HEADLINE = [
    ("quantize", {"mode": "dynamic"}),
    ("low_rank", {"layers": "inner", "budget": 0.5}),
    ("low_rank", {"layers": "inner", "budget": 0.25}),
    ("low_rank", {"layers": "all", "budget": 0.5}),
    ("condense", {"layers": "mlp", "sparsity": 0.7}),
    ("condense", {"layers": "mlp", "sparsity": 0.8}),
    ("condense", {"layers": "mlp", "sparsity": 0.9}),
    ("condense", {"layers": "all", "sparsity": 0.9}),
]


def model_table() -> str:
    """One row per reference model."""
    head = ("model", "what", "data", "parameters", "test accuracy (95 % interval)", "training")
    return markdown(
        head,
        (
            (
                f"`{row.Index}`",
                row.architecture,
                row.data,
                f"{row.parameters:,}",
                f"{percent(row.test, 2)} ({100 * row.low:.2f} to {100 * row.high:.2f})",
                f"{row.minutes:.1f} min",
            )
            for row in models.table().itertuples()
        ),
        left=3,
    )


def gallery_table(method: str | None = None) -> str:
    """One row per shipped run of a compressed network, of all methods or one."""
    found = [run for run in _shipped() if method in (None, run.method)]
    return markdown(RUN_HEAD, map(_row, sorted(found, key=lambda run: (run.model, run.method, str(run.parameters)))), left=2)


def headline_table() -> str:
    """The methods beside each other on vit_fashion."""
    return markdown(RUN_HEAD[1:], (_row(run)[1:] for run in _headline()))


def measure_table(measure: Any) -> str:
    """A measure of the same runs, beside their accuracy."""
    rows = [
        (
            f"{run.method} {settings(run.method, run.parameters)}".strip(),
            percent(run.summary["accuracy"], 2),
            run.summary[measure.key],
        )
        for run in _headline()
        if run.summary.get(measure.key) is not None
    ]
    text = format_of(measure.format, measure.unit).text
    return markdown(("on vit_fashion", "accuracy", measure.title), ((*row[:2], text(row[2])) for row in rows))


def settings(method: str, parameters: dict[str, Any]) -> str:
    """Return the parameters as text: all numbers, and what differs from the method's default."""
    known = METHODS[method].params if method in METHODS else {}
    return " ".join(
        f"{name}={value}"
        for name, value in parameters.items()
        if name not in known or isinstance(known[name], Param) or value != known[name].default
    )


@cache
def _shipped() -> list[Any]:
    """Sound runs of compressed networks; trainings have a table of their own."""
    return [run for run in runs.gallery().runs() if not run.damaged and not run.method.startswith(runs.TRAINED)]


@cache
def _headline() -> list[Any]:
    found = [run for run in _shipped() if run.model == "vit_fashion"]
    return [
        run
        for method, wanted in HEADLINE
        for run in found
        if run.method == method and {name: run.parameters[name] for name in wanted} == wanted
    ]


def _row(run: Any) -> tuple[str, ...]:
    figures = run.summary
    return (
        run.model,
        f"{run.method} {settings(run.method, run.parameters)}".strip(),
        percent(figures["accuracy"], 2),
        f"{100 * figures['accuracy_change']:+.2f}",
        f"{figures['affected_classes']:.0f}",
        f"{figures['bytes'] / 1e3:,.0f} kB ({percent(figures['bytes_ratio'])})",
    )
