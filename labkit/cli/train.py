"""`labkit train NAME`."""

from __future__ import annotations

from dataclasses import asdict

import click

from labkit.cli.output import as_json, print_json


@click.command()
@click.argument("name")
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--epochs", type=int, help="Instead of the recipe's epochs.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where weights and card go (default: into labkit itself).")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@as_json
def train(name: str, seed: int | None, epochs: int | None, folder: str | None, quiet: bool, json_output: bool) -> None:
    """Train the reference model NAME; interrupted, the same command resumes bit for bit."""
    from labkit import models

    recipe = models.get_recipe(name)
    place = {} if folder is None else {"folder": folder}
    _, card = models.train(recipe, seed=seed, epochs=epochs, progress=not quiet, **place)
    if json_output:
        print_json(asdict(card))
        return
    click.echo(
        f"{card.name}: test accuracy {card.test_accuracy:.2%} ({card.test_correct:,} of {card.test_examples:,}), "
        f"validation {card.validation_accuracy:.2%} at epoch {card.best_epoch} of {card.epochs}, {card.minutes} minutes"
    )
    if card.test_accuracy < recipe.wants:
        click.echo(f"note: below the {recipe.wants:.1%} this recipe is meant to reach", err=True)
