"""`labkit train NAME`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from labkit.cli.options import parse_settings
from labkit.cli.output import as_json, print_json, print_table


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


# what --set takes besides the sparsity, with its type
SETTINGS: dict[str, Callable[[str], Any]] = {
    "update_every": int,
    "gamma_sal": float,
    "distribution": str,
    "exclude": _names,
    "dense": _names,
    "no_ablation": _names,
    "fan_in": int,
    "until": float,
    "fraction": float,
    "n": int,
    "m": int,
}


@click.command()
@click.argument("name")
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--epochs", type=int, help="Instead of the recipe's epochs.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where weights and card go (default: into labkit itself).")
@click.option("--sparsify", "topology", help="Train sparse from the start: static, set, rigl, srigl, gmp, …, or dense to compare.")
@click.option("--sparsity", type=float, help="Share of the weights that is zero (default: 0.9).")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Of the topology, e.g. update_every=50; often.")
@click.option("--store", default="runs", show_default=True, type=click.Path(file_okay=False), help="Where a sparse training goes.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@as_json
def train(
    name: str,
    seed: int | None,
    epochs: int | None,
    folder: str | None,
    topology: str | None,
    sparsity: float | None,
    settings: tuple[str, ...],
    store: str,
    quiet: bool,
    json_output: bool,
) -> None:
    """Train the reference model NAME; interrupted, the same command resumes bit for bit.

    With --sparsify it is trained sparse from scratch, audited beside the shipped model, and stored as a run.
    """
    common = {"seed": seed, "epochs": epochs, "progress": not quiet}
    if topology is not None:
        if folder is not None:
            raise ValueError("a sparse training goes into --store, not into --folder; give one of them")
        given = _settings(settings) | ({} if sparsity is None else {"sparsity": sparsity})
        _sparse(name, topology, store, json_output, **common, **given)
        return
    if sparsity is not None or settings:
        raise ValueError("--sparsity and --set belong to a sparse training; say which, e.g. --sparsify srigl")
    _dense(name, folder, json_output, **common)


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Settings of a topology in their types."""
    from labkit.messages import unknown_name

    chosen = {}
    for key, text in parse_settings(pairs).items():
        if key not in SETTINGS:
            raise unknown_name("setting of a sparse training", key, SETTINGS)
        try:
            chosen[key] = SETTINGS[key](text)
        except ValueError:
            kind = "a whole number" if SETTINGS[key] is int else "a number"
            raise ValueError(f"{key} needs {kind}, got {text!r}") from None
    return chosen


def _dense(name: str, folder: str | None, json_output: bool, **common: Any) -> None:
    from labkit import models

    recipe = models.get_recipe(name)
    place: dict[str, Any] = {} if folder is None else {"folder": folder}
    _, card = models.train(recipe, **common, **place)
    if json_output:
        print_json(asdict(card))
        return
    click.echo(
        f"{card.name}: test accuracy {card.test_accuracy:.2%} ({card.test_correct:,} of {card.test_examples:,}), "
        f"validation {card.validation_accuracy:.2%} at epoch {card.best_epoch} of {card.epochs}, {card.minutes} minutes"
    )
    if card.test_accuracy < recipe.min_test_accuracy:
        click.echo(f"note: below the {recipe.min_test_accuracy:.1%} that this recipe should reach", err=True)


def _sparse(name: str, topology: str, store: str, json_output: bool, **given: Any) -> None:
    from labkit import runs

    folder = runs.Store(store)
    run = runs.train_run(name, topology, folder, **given)
    layers, facts = folder.table_of(run.id, "layers"), folder.table_of(run.id, "training")
    last = None if layers is None else layers[layers["step"] == layers["step"].max()].set_index("layer").drop(columns="step")
    training = {} if facts is None else {key: float(value) for key, value in facts.iloc[0].items()}
    if json_output:
        rows = [] if last is None else last.reset_index().to_dict("records")
        print_json({"run": run.id, "folder": str(run.folder), "summary": run.summary, "training": training, "layers": rows})
        return
    if last is not None:
        print_table(last, "links at the end")
    share = training["training"] / training["dense_training"]
    click.echo(
        f"test accuracy {run.summary['accuracy']:.2%}, {100 * run.summary['accuracy_change']:+.2f} pp beside the shipped {name}; "
        f"training took {share:.0%} of the operations of a dense one (zeros not counted)"
    )
    click.echo(f"stored as run {run.id} in {store}")
