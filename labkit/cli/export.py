"""`labkit export`: take a stored network away."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labkit.cli.options import data_options, name_own, open_arguments, open_store, store_option
from labkit.cli.output import as_json, print_json, say

if TYPE_CHECKING:
    from labkit.export import Exported


class Formats(click.Command):
    """A command whose help lists the registered formats; they are read only then."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the formats below the options.

        Parameters
        ----------
        ctx : click.Context
        formatter : click.HelpFormatter
        """
        from labkit.export import FORMATS

        with formatter.section("Formats"):
            formatter.write_dl([(name, f"{kind.title}; load.py needs {kind.needs}.") for name, kind in FORMATS.items()])


@click.command(cls=Formats)
@click.argument("run")
@click.option("--format", "formats", multiple=True, metavar="NAME", help="Repeatable; by default every format that works.")
@click.option("--out", type=click.Path(file_okay=False), help="New folder [default: export-RUN].")
@click.option("--model", help="For a run of a network of your own: its name, as module:function or file.py:function.")
@click.option("--weights", type=click.Path(dir_okay=False), help="Of the uncompressed network, where their file was moved.")
@data_options(default="those that the run was made of")
@store_option
@as_json
def export(
    run: str,
    formats: tuple[str, ...],
    out: str | None,
    model: str | None,
    weights: str | None,
    store: str,
    gallery: bool,
    json_output: bool,
    **where: Any,
) -> None:
    """Write a run's network into a folder, with a script that loads it, the figures of its audit, and sample inputs and outputs.

    The outputs of what was written are compared with those of the network. With several formats each has a folder of its own in the
    new folder. Runs that were stored without weights are made again.
    """
    from labkit.export import FORMATS, get_format, material_of
    from labkit.runs import reopen

    for name in formats:
        get_format(name)
    place = open_store(store, gallery)
    facts = place.run(run)
    folder = Path(out or f"export-{facts.id[:8]}")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} exists already; choose another folder with --out")
    name_own(model)
    given = {"model": model, "weights": weights, "data": where.pop("data"), **open_arguments(where)}
    if any(given.values()):
        base, dataset = reopen(facts, **given)
        material = material_of(facts, base=base, data=dataset)
    else:
        material = material_of(facts)
    made, failed = _written(material, formats or tuple(FORMATS), folder, strict=bool(formats))
    if json_output:
        print_json({"run": facts.id, "formats": [_facts(one) for one in made], "left_out": failed})
        return
    for one in made:
        _show(one)
    for sentence in failed.values():
        say(f"left out: {sentence}")


def _written(material: Any, formats: tuple[str, ...], folder: Path, *, strict: bool) -> tuple[list[Exported], dict[str, str]]:
    """Write every format; those that do not work are left out, with the reason, unless they were asked for."""
    from labkit.export import export as write

    made, failed = [], {}
    for name in dict.fromkeys(formats):
        try:
            made.append(write(material, format=name, folder=folder if len(formats) == 1 else folder / name))
        except ValueError as error:
            if strict:
                raise
            failed[name] = str(error)
    if not made:
        raise ValueError("; ".join(failed.values()))
    return made, failed


def _facts(one: Exported) -> dict[str, Any]:
    check = one.check
    facts = {"format": one.format, "folder": str(one.folder), "files": one.files, "bytes": one.bytes, "notes": list(one.notes)}
    return {**facts, "check": asdict(check)}


def _show(one: Exported) -> None:
    say(f"{one.format}: {one.folder} ({one.bytes:,} bytes of {sum(one.files.values()):,} in {len(one.files)} files)")
    for note in (*one.notes, one.check.sentence()):
        say(f"  {note}")
