"""`labkit models list` and `labkit models show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from labkit.cli.options import name_own
from labkit.cli.output import as_json, print_json, print_table, say
from labkit.words import shortly

if TYPE_CHECKING:
    import pandas as pd


@click.group()
def models() -> None:
    """List the trained reference models or show one."""


@models.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List the reference models with their accuracies."""
    from labkit.models import cards, table

    if json_output:
        print_json([asdict(card) for card in cards().values()])
    else:
        print_table(_readable(table()))


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Fractions as percentages with the interval beside them, in columns that fit 80 characters."""
    test = [f"{100 * row.test:.2f} % ({100 * row.low:.2f} to {100 * row.high:.2f})" for row in frame.itertuples()]
    return frame[["data", "parameters"]].assign(**{"test accuracy (95 % interval)": test})


@models.command()
@click.argument("name")
@click.option("--weights", type=click.Path(dir_okay=False), help="Your own weights: .safetensors or a torch state dict.")
@click.option("--classes", type=int, help="Number of classes, for timm:NAME.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of random weights.")
@click.option("--shape", default="", help="Input shape without the batch, e.g. 3,224,224 (default: the model's own).")
@as_json
def show(name: str, weights: str | None, classes: int | None, seed: int, shape: str, json_output: bool) -> None:
    """Show what NAME (a reference model, timm:NAME, module:function or file.py:function) is and what it costs for one input."""
    import torch

    from labkit.cost import cost
    from labkit.models import input_shape, is_own, load
    from labkit.runs import in_words

    size = _shape(shape)
    if is_own(name):
        if not size:
            raise ValueError(f"say what {name} takes: --shape CHANNELS,HEIGHT,WIDTH, or --shape COLUMNS for a table")
        name_own(name)
    options = {} if classes is None else {"num_classes": classes}
    model = load(name, weights=weights, seed=seed, **options, **_built_for(name, size))
    size = size or input_shape(name)
    with in_words(f"{name}", f"float32 {[1, *size]}"):
        c = cost(model, torch.zeros(1, *size))
    if json_output:
        print_json({"name": name, "loaded": model.loaded_from, "input": list(size), **c.to_dict()})
        return
    say(f"loaded {model.loaded_from}; input [1, {', '.join(map(str, size))}]")
    say(f"parameters {c.parameters:,} ({c.nonzeros:,} not zero), {c.total_bytes:,} bytes, {c.macs:,} multiply-accumulates")
    say(f"latency {c.latency}")
    print_table(c.layers)


def _shape(words: str) -> tuple[int, ...]:
    """Read --shape."""
    try:
        size = tuple(int(word) for word in words.split(",")) if words else ()
    except ValueError:
        size = (0,)
    if any(side < 1 for side in size):
        raise ValueError(f"--shape is whole numbers separated by commas, such as 3,224,224, got {shortly(words)}")
    return size


def _built_for(name: str, size: tuple[int, ...]) -> dict[str, Any]:
    """What a network must be told of its input when it is built."""
    from labkit.models import built_for_data

    if not size or not built_for_data(name):
        return {}
    found: dict[str, Any] = {"in_chans": size[0]}
    if name.startswith("timm:") and len(size) == 3:
        from labkit.models.from_timm import image_options

        found |= image_options(name.removeprefix("timm:"), size[1], size[2])
    return found
