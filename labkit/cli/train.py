"""`labkit train NAME`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from labkit.cli.options import parse_settings
from labkit.cli.output import as_json, print_json, print_table, say


@click.command()
@click.argument("name")
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--epochs", type=int, help="Instead of the recipe's epochs.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where weights and card go (default: into labkit itself).")
@click.option("--sparsify", "rule", metavar="RULE", help="Train sparse from scratch by this rule, or dense to compare.")
@click.option("--sparsity", type=float, help="Fraction of the weights that are zero (default: the rule's, 0.9).")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the rule, e.g. update_every=50; may be repeated."
)
@click.option(
    "--store", default="runs", show_default=True, type=click.Path(file_okay=False), help="Folder of runs, with --sparsify."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@as_json
def train(
    name: str,
    seed: int | None,
    epochs: int | None,
    folder: str | None,
    rule: str | None,
    sparsity: float | None,
    settings: tuple[str, ...],
    store: str,
    quiet: bool,
    json_output: bool,
) -> None:
    """Train the reference model NAME; interrupted, the same command resumes bit for bit.

    With --sparsify it is trained sparse from scratch, audited against the shipped model, and stored as a run. `labkit rules` lists
    the rules and their parameters.
    """
    common = {"seed": seed, "epochs": epochs, "progress": not quiet}
    if rule is not None:
        if folder is not None:
            raise ValueError("a sparse training goes into --store, not into --folder; give one of them")
        given = _settings(rule, settings) | ({} if sparsity is None else {"sparsity": sparsity})
        _sparse(name, rule, store, json_output, **common, **given)
        return
    if sparsity is not None or settings:
        raise ValueError("--sparsity and --set belong to a sparse training; name its rule, e.g. --sparsify srigl")
    _dense(name, folder, json_output, **common)


def _settings(rule: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Values of the rule's parameters in their types."""
    from labkit.sparsify import rule_or_dense

    entry, given = rule_or_dense(rule), parse_settings(pairs)
    if entry is None and given:
        raise ValueError(f"a dense training has no setting {next(iter(given))}; leave it out")
    return {} if entry is None else entry.typed(given)


def _dense(name: str, folder: str | None, json_output: bool, **common: Any) -> None:
    from labkit import models

    recipe = models.get_recipe(name)
    place: dict[str, Any] = {} if folder is None else {"folder": folder}
    _, card = models.train(recipe, **common, **place)
    if json_output:
        print_json(asdict(card))
        return
    say(
        f"{card.name}: test accuracy {card.test_accuracy:.2%} ({card.test_correct:,} of {card.test_examples:,}), "
        f"validation {card.validation_accuracy:.2%} at epoch {card.best_epoch} of {card.epochs}, {card.minutes} minutes"
    )
    if card.test_accuracy < recipe.min_test_accuracy:
        say(f"note: below the {recipe.min_test_accuracy:.1%} that this recipe should reach", err=True)


def _sparse(name: str, rule: str, store: str, json_output: bool, **given: Any) -> None:
    from labkit import runs

    folder = runs.Store(store)
    run = runs.train_run(name, rule, folder, **given)
    layers, facts = folder.table_of(run.id, "layers"), folder.table_of(run.id, "training")
    last = None if layers is None else layers[layers["step"] == layers["step"].max()].set_index("layer").drop(columns="step")
    training = {} if facts is None else {key: float(value) for key, value in facts.iloc[0].items()}
    if json_output:
        rows = [] if last is None else last.reset_index().to_dict("records")
        print_json({"run": run.id, "folder": str(run.folder), "summary": run.summary, "training": training, "layers": rows})
        return
    if last is not None:
        print_table(last, "connections at the end")
    share = training["training"] / training["dense_training"]
    say(
        f"test accuracy {run.summary['accuracy']:.2%}, {100 * run.summary['accuracy_change']:+.2f} pp against the shipped {name}; "
        f"training took {share:.0%} of the FLOPs of a dense training (zeros not counted)"
    )
    say(f"stored as run {run.id} in {store}")
