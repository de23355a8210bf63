"""`labkit kernels`."""

from __future__ import annotations

from pathlib import Path

import click

from labkit.cli.output import as_json, print_json, print_table, say

SHAPES = ((768, 3072), (3072, 768), (128, 512))
BATCHES = (1, 16, 256)
SPARSITIES = (0.3, 0.6, 0.9)


def _measured() -> dict:
    """This machine's table, with a bar on stderr."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    from labkit.kernels import tuning

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=1.0)
        found = tuning.measure_table(lambda done, message: bar.update(task, completed=done, description=escape(message)))
        bar.update(task, completed=1.0, description="measured")
    return found


@click.command()
@click.option("--measure", is_flag=True, help="Measure this machine's table first (half a minute) and keep it.")
@click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the table in use to a file (JSON)."
)
@as_json
def kernels(measure: bool, write: Path | None, json_output: bool) -> None:
    """Say which kernel condensed layers take here, and why."""
    import json

    import pandas as pd
    import torch

    from labkit.files import write_text
    from labkit.kernels import choice

    if measure:
        say(f"kept in {choice.save_table(_measured())}", err=True)
    if write is not None:
        write_text(write, json.dumps(choice.table(), indent=1) + "\n")
    rows = [_row(*shape, sparsity, batch) for shape in SHAPES for sparsity in SPARSITIES for batch in BATCHES]
    table = choice.table()
    facts = {"cpu": choice.cpu_name(), "table of": table["cpu"], "threads": table["threads"]}
    facts["gpu"] = choice.choose(64, 3072, 768, 307, "cuda").backend if torch.cuda.is_available() else "none"
    if json_output:
        print_json({**facts, "rows": rows})
        return
    print_table(pd.DataFrame(rows).drop(columns="reason").set_index("layer"), title="What backend='auto' takes on the processor")
    say("kernel, dense: microseconds of the nearest measurement; dense rebuilds the weight on every call")
    say("  ".join(f"{name}: {value}" for name, value in facts.items()))
    if table["cpu"] != facts["cpu"]:
        say("The table was measured on another processor: labkit kernels --measure makes this machine's own.")


def _row(inputs: int, outputs: int, sparsity: float, batch: int) -> dict:
    from labkit.kernels import choice

    fan_in = max(1, round(inputs * (1 - sparsity)))
    found, near = choice.choose(batch, inputs, outputs, fan_in), choice.nearest(batch, inputs, outputs, fan_in)
    times = {"kernel": round(near["cpu_us"]), "dense": round(near["dense_us"])}
    return {
        "layer": f"{inputs} -> {outputs}",
        "sparsity": sparsity,
        "batch": batch,
        "takes": found.backend,
        **times,
        "reason": found.reason,
    }
