"""`labkit runs list|show|compare|recommend`."""

from __future__ import annotations

import click

from labkit.cli.compress import show_audit
from labkit.cli.options import open_store, store_option
from labkit.cli.output import as_json, print_json, print_table


@click.group()
def runs() -> None:
    """Look at stored runs, compare two, ask for the best."""


@runs.command("list")
@store_option
@as_json
def list_(store: str, gallery: bool, json_output: bool) -> None:
    """List every run with its main figures; damaged ones with the reason."""
    found = open_store(store, gallery).runs()
    if json_output:
        print_json(
            [
                {
                    "run": r.id,
                    "method": r.method,
                    "parameters": r.parameters,
                    "model": r.model,
                    "damaged": r.damaged,
                    "summary": r.summary,
                }
                for r in found
            ]
        )
        return
    if not found:
        click.echo(f"no runs in {store}; make one with: labkit compress --model vit_fashion --method condense --set sparsity=0.9")
        return
    import pandas as pd

    rows = []
    for run in found:
        if run.damaged:
            rows.append({"run": run.id[:8], "method": f"damaged: {run.damaged}"})
            continue
        settings = " ".join(f"{name}={value}" for name, value in run.parameters.items() if value not in ("all", "parameters"))
        figures = {
            "accuracy": _percent(run.summary.get("accuracy")),
            "change": _points(run.summary.get("accuracy_change")),
            "affected": _count(run.summary.get("affected_classes")),
            "bytes": _percent(run.summary.get("bytes_ratio")),
        }
        rows.append({"run": run.id[:8], "model": run.model, "method": f"{run.method} {settings}", **figures})
    print_table(pd.DataFrame(rows).fillna(""), "change in points; bytes relative to the reference")


@runs.command()
@click.argument("run")
@store_option
@as_json
def show(run: str, store: str, gallery: bool, json_output: bool) -> None:
    """Show the audit of one run."""
    where = open_store(store, gallery)
    _, found = where.load(run)
    if json_output:
        print_json({"run": where.run(run).id, **found.to_dict()})
    else:
        click.echo(repr(where.run(run)))
        show_audit(found)


@runs.command()
@click.argument("first")
@click.argument("second")
@store_option
@as_json
def compare(first: str, second: str, store: str, gallery: bool, json_output: bool) -> None:
    """Test two runs against each other, example by example."""
    from labkit import runs as room

    where = open_store(store, gallery)
    result = room.compare(where.load(first)[1], where.load(second)[1])
    if json_output:
        print_json(result.to_dict())
        return
    change = result.accuracy
    click.echo(
        f"accuracy {100 * change['change']:+.2f} points (p = {change['p']:.2g}), equal predictions {change['agreement']:.2%}"
    )
    print_table(result.summary.rename_axis("figure"))
    print_table(result.per_class, "by class, change from the first to the second")


@runs.command()
@click.option("--model", help="Only runs of this network.")
@click.option("--accuracy-drop", type=float, default=0.01, show_default=True, help="Largest loss, as a fraction.")
@click.option("--affected-classes", type=int, default=0, show_default=True, help="How many classes may change significantly.")
@click.option("--dpd", type=float, help="Largest demographic parity difference.")
@click.option("--eod", type=float, help="Largest equalized odds difference.")
@click.option("--latency-ratio", type=float, help="Largest latency relative to the reference.")
@store_option
@as_json
def recommend(
    model: str | None,
    accuracy_drop: float,
    affected_classes: int,
    dpd: float | None,
    eod: float | None,
    latency_ratio: float | None,
    store: str,
    gallery: bool,
    json_output: bool,
) -> None:
    """Recommend the smallest model within limits, and say why."""
    from labkit import runs as room

    answer = room.recommend(
        open_store(store, gallery),
        model=model,
        accuracy_drop=accuracy_drop,
        affected_classes=affected_classes,
        dpd=dpd,
        eod=eod,
        latency_ratio=latency_ratio,
    )
    if json_output:
        print_json({"run": answer.id, "reason": answer.reason})
    else:
        click.echo(f"{answer.id or 'no run'}: {answer.reason}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.2f}"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
