"""`labkit runs list|show|compare|time|recommend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from labkit.cli.compress import show_audit
from labkit.cli.options import open_store, store_option
from labkit.cli.output import as_json, print_json, print_table, progress_bar, say
from labkit.words import shortly

if TYPE_CHECKING:
    import pandas as pd

    from labkit.audit import Audit, Column, Limit
    from labkit.runs import Run, Store


@click.group()
def runs() -> None:
    """List, show and compare stored runs, or recommend one."""


@runs.command("list")
@store_option
@as_json
def list_(store: str, gallery: bool, json_output: bool) -> None:
    """List all runs with their main figures, damaged ones with the reason."""
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
        say(f"no runs in {store}; make one with: labkit compress --model vit_fashion --method condense --set sparsity=0.9")
        return
    import pandas as pd

    from labkit.audit import columns, limits
    from labkit.runs.networks import labelled

    figures = columns(dict.fromkeys(name for run in found for name in run.summary), short=True)
    asked = {limit.figure for limit in limits().values()}
    figures = [*figures[:1], *sorted(figures[1:], key=lambda column: column.figure not in asked)]  # what is limited matters most
    labels = labelled(open_store(store, gallery).table())
    named = {run: str(labels.loc[run, "model"]) for run in labels.index if "model" in labels}
    names = list(zip(_short_ids([run.id for run in found]), _told_apart(found), strict=True))
    rows = [
        {"run": short, **_row(run, words, figures, named.get(run.id, run.model))}
        for run, (short, words) in zip(found, names, strict=True)
    ]
    print_table(pd.DataFrame(rows).fillna(""), keep=3)


def _row(run: Run, words: str, figures: list[Column], network: str) -> dict[str, str]:
    """Return the row of one run."""
    if run.damaged:
        return {"method": f"damaged: {run.damaged}"}
    return {"model": network, "method": words, **{column.title: column.said(run.summary) for column in figures}}


def _short_ids(ids: list[str]) -> list[str]:
    """Return beginnings of ids that are long enough to tell them apart, 8 characters at least."""
    digits = 8
    while len({name[:digits] for name in ids}) < len(set(ids)):
        digits += 2
    return [name[:digits] for name in ids]


def _told_apart(found: list[Run]) -> list[str]:
    """Return method and settings of every run; where those of two runs read alike, also the settings in which they differ."""
    from labkit.runs.library import label

    words = [label(run.method, run.parameters) for run in found]
    alike: dict[tuple[str, str, str], list[int]] = {}
    for place, run in enumerate(found):
        alike.setdefault((run.model, run.data, words[place]), []).append(place)
    for places in (places for places in alike.values() if len(places) > 1):
        facts = [{**found[place].parameters, "seed": found[place].seed, "version": found[place].version} for place in places]
        names = dict.fromkeys(name for fact in facts for name in fact)
        differ = [name for name in names if len({repr(fact.get(name)) for fact in facts}) > 1]
        for place, fact in zip(places, facts, strict=True):
            said = (f"{name}={fact[name]}" for name in differ if name in fact and f"{name}=" not in words[place])
            words[place] = " ".join([words[place], *said])
    return words


@runs.command()
@click.argument("run")
@store_option
@as_json
def show(run: str, store: str, gallery: bool, json_output: bool) -> None:
    """Show the audit of one run."""
    where = open_store(store, gallery)
    found = where.audit_of(run)
    if json_output:
        print_json({"run": where.run(run).id, **found.to_dict()})
    else:
        say(repr(where.run(run)))
        show_audit(found)


@runs.command()
@click.argument("first")
@click.argument("second")
@store_option
@as_json
def compare(first: str, second: str, store: str, gallery: bool, json_output: bool) -> None:
    """Test two runs against each other, example by example: all examples, every class, and every sensitive group."""
    from dataclasses import asdict

    from labkit import runs as room
    from labkit.audit import MEASURES
    from labkit.audit.plain import plain

    where = open_store(store, gallery)
    before, after = where.audit_of(first), where.audit_of(second)
    result = room.compare(before, after, groups=_groups(where, first, before, after))
    timed = [key for key, measure in MEASURES.items() if not measure.repeatable and {key} & set(before.summary.index)]
    speeds = {key: room.speed_change(before, after, key) for key in timed}
    if json_output:
        print_json({**result.to_dict(), "speed": {key: plain(asdict(speed)) for key, speed in speeds.items()}})
        return
    change = result.accuracy
    say(f"accuracy {100 * change['change']:+.2f} points (p = {change['p']:.2g}), equal predictions {change['agreement']:.2%}")
    for key, speed in speeds.items():
        say(f"{MEASURES[key].title} of the second relative to the first: {speed}")
    # times of two sittings have no difference
    sittings = [
        name for name in result.summary.index if name == "latency_ms" or name.removesuffix("_low").removesuffix("_high") in speeds
    ]
    print_table(result.summary.drop(index=sittings).rename_axis("figure"))
    first_of_all = ["examples", "change", "verdict", "low", "high"]
    by_class = result.per_class[[*first_of_all, *result.per_class.columns.difference(first_of_all, sort=False)]]
    print_table(by_class, "by class, change from the first to the second")
    if result.groups is not None:
        print_table(_in_units(result.groups), "by group, change from the first to the second")


def _groups(where: Store, run: str, *audits: Audit) -> pd.DataFrame | None:
    """Open the groups of the examples that two runs were audited on; where that fails, say why."""
    from labkit.runs import audited_split

    if all(audit.by_group is None for audit in audits):
        return None
    try:
        return audited_split(where.run(run)).groups
    except (ValueError, TypeError, OSError) as error:
        say(f"groups are not compared: {error}", err=True)
        return None


def _in_units(groups: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `labkit.runs.compare_groups` as it is printed."""
    import pandas as pd

    def points(values: pd.Series) -> pd.Series:
        return (100 * values).map("{:+.1f}".format)

    shown = {
        "first": (100 * groups["reference_accuracy"]).map("{:.1f} %".format),
        "second": (100 * groups["accuracy"]).map("{:.1f} %".format),
        "change (pp)": points(groups["change"]),
        "verdict": groups["verdict"],
        "interval": points(groups["change_low"]) + " to " + points(groups["change_high"]),
        "examples": groups["examples"],
        "would tell": groups["needed"].map(lambda count: f"{count:,.0f}" if count < float("inf") else "–"),
    }
    return pd.DataFrame(shown)


class LimitValue(click.ParamType):
    """A number, or "off" for no limit."""

    name = "NUMBER|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return the number, or None for "off".

        Parameters
        ----------
        value : object
        param : click.Parameter, optional
        ctx : click.Context, optional

        Returns
        -------
        float or None
        """
        if value == "off":
            return None
        try:
            return float(value)
        except ValueError:
            self.fail(f"{shortly(value)} is neither a number nor 'off', which lifts the limit", param, ctx)


@runs.command("time")
@click.argument("names", metavar="[RUN]...", nargs=-1)
@store_option
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Time spent on each network.")
@click.option("--budget", type=float, help="Seconds after which no further run is begun; the same command then goes on.")
@click.option("--again", is_flag=True, help="Also runs whose interval is known.")
@as_json
def time_(
    names: tuple[str, ...], store: str, gallery: bool, seconds: float, budget: float | None, again: bool, json_output: bool
) -> None:
    """Time stored runs beside their references again, all by default; ids and other figures stay.

    The ratios to the reference get their interval, machine and date. Networks that were not kept are made again.
    """
    from labkit import runs as room

    where = open_store(store, gallery)
    bar, report = progress_bar()
    with bar:
        left = room.time_again(where, list(names) or None, seconds=seconds, budget=budget, again=again, report=report)
    known = [run.id for run in where.runs() if run.summary.get("latency_ratio_low") is not None]
    if json_output:
        print_json({"timed": known, "left": left})
        return
    for run, reason in left.items():
        say(f"not timed: {run[:8]}: {reason}")
    say(f"{len(known)} runs have an interval; see them with: labkit runs list{' --gallery' if gallery else f' --store {store}'}")


class LimitsCommand(click.Command):
    """A command with an option for the limit of every registered measure; they are read when it runs or shows its help."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters and one for each limit.

        Parameters
        ----------
        ctx : click.Context

        Returns
        -------
        list of click.Parameter
        """
        from labkit.audit import limits

        options: list[click.Parameter] = [
            click.Option(
                [limit.name, f"--{limit.name.replace('_', '-')}"],
                type=LimitValue(),
                default=limit.default,
                show_default=True,
                help=_help(limit),
            )
            for limit in limits().values()
        ]
        own = super().get_params(ctx)
        return [*own[:-1], *options, own[-1]]  # --help stays last


def _given(limits: dict[str, float | None]) -> dict[str, Any]:
    """Return the limits that the user gave; the others keep the library's defaults, which depend on the task."""
    context = click.get_current_context()
    return {name: value for name, value in limits.items() if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _help(limit: Limit) -> str:
    unit = " (as a fraction)" if limit.scale == 100 else ""
    return f"{limit.title[:1].upper()}{limit.title[1:]}{unit}."


@runs.command(cls=LimitsCommand)
@click.option("--model", help="Only runs of this network.")
@click.option("--data", help="Only runs on this data set.")
@click.option(
    "--by",
    type=click.Choice(["bound", "estimate"]),
    default="bound",
    show_default=True,
    help="Judge by the worse end of the 95 % interval, so that what cannot be told does not pass, or by the measured value.",
)
@store_option
@as_json
def recommend(
    model: str | None,
    data: str | None,
    by: Literal["bound", "estimate"],
    store: str,
    gallery: bool,
    json_output: bool,
    **stated: float | None,
) -> None:
    """Recommend the smallest model within limits, with the reason; a limit of "off" is lifted."""
    from labkit import runs as room

    where = open_store(store, gallery)
    damaged = room.left_out(where.runs())
    if damaged:
        click.echo(damaged, err=True)
    answer = room.recommend(where, model=model, data=data, by=by, **_given(stated))
    if json_output:
        print_json({"run": answer.id, "reason": answer.reason})
    else:
        say(f"{answer.id or 'no run'}: {answer.reason}")
