"""YAML grids as `labkit sweep` reads them, up to where the first run would be made."""

import random
from collections.abc import Callable
from pathlib import Path

import click

from labkit import runs
from labkit.cli import cli
from tools.soak.loaders.files import odd_entry, odd_name
from tools.soak.loaders.loader import Loader
from tools.soak.mutate import NUMBERS, ODD_TEXT, mutated, mutated_text

PLAIN = """models: [mlp_mnist, mlp_adult]
methods:
  condense: {sparsity: [0.5, 0.7, 0.9], layers: inner}
  quantize: {}
rules:
  srigl: {sparsity: 0.9, epochs: 1}
seed: 0
"""
OWN = """models:
  "timm:resnet18": {img_size: 32}
methods:
  low_rank:
    rank: [1, 2]
data: people.csv
data_options:
  target: died
  groups: [sex]
measures: [accuracy]
"""
VALUES = (
    *NUMBERS,
    *ODD_TEXT,
    "~",
    "yes",
    "1:30:00",
    "2026-99-99 99:99:99",
    "!!python/object/apply:os.getcwd []",
    "!!binary ====",
    "!!int x",
    "!!timestamp x",
    "!!set {a, b}",
    "!!float x",
    "{<<: 1}",
    "? [a]: 1",
    "*a",
    "&a [*a]",
    "[" * 5000,
    "{" * 3000,
    "[" * 900 + "]" * 900,
    "- " * 400,
    "{a: 1, a: 2}",
    "[[1, 2], [3]]",
    "{0.5: 0.6}",
    "x" * 10**6,
    "|\n   a\n  b",
    "'a\n\n b'",
    "-1",
    "1.5",
    "[.nan, .inf]",
    "[]",
    "{}",
)


def _bomb(rng: random.Random) -> str:
    kind = rng.randrange(4)
    many = "[" + ", ".join(str(i / 400) for i in range(1, 301)) + "]"
    if kind == 0:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
        return "\n".join(lines) + f"\nmodels: {rng.choice(['*a11', '[mlp_mnist]'])}\nmethods: {{condense: {{sparsity: *a11}}}}\n"
    if kind == 1:
        names = rng.sample(["sparsity", "fan_in", "layers", "score", "keep", "block"], 4)
        return "models: [mlp_mnist]\nmethods:\n  condense: {" + ", ".join(f"{name}: {many}" for name in names) + "}\n"
    if kind == 2:
        return "models: [" + ", ".join(["mlp_mnist"] * 50_000) + "]\nmethods: {condense: {sparsity: " + many + "}}\n"
    return "models: [mlp_mnist]\n" + "".join(f"key{i}: {i}\n" for i in range(50_000))


def _replaced(text: str, rng: random.Random) -> str:
    """A value of one line replaced."""
    lines = text.splitlines()
    place = rng.randrange(len(lines))
    before, colon, _ = lines[place].partition(": ")
    lines[place] = before + colon + rng.choice(VALUES) if colon else lines[place] + " " + rng.choice(VALUES)
    return "\n".join(lines) + "\n"


class _Reached(Exception):
    """The grid was read and expanded."""


def _stop(*_: object, **__: object) -> None:
    raise _Reached


def _read(path: Path, folder: Path) -> None:
    """What `labkit sweep GRID` does before the first run."""
    runs.sweep = _stop  # type: ignore[assignment]
    try:
        cli.main(["sweep", str(path), "--store", str(folder / "runs")], standalone_mode=False)
    except _Reached:
        pass
    except click.ClickException as error:  # the command prints it as a sentence
        raise ValueError(error.format_message()) from error


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path, text, chance = folder / odd_name(rng, ".yaml"), rng.choice([PLAIN, PLAIN, OWN]), rng.random()
    if chance < 0.02:
        odd_entry(path, rng)
    elif chance < 0.07:
        path.write_text(_bomb(rng))
    elif chance < 0.45:
        path.write_text(_replaced(text, rng))
    elif chance < 0.8:
        path.write_text(mutated_text(text, rng))
    else:
        path.write_bytes(mutated(text.encode(rng.choice(["utf-8", "utf-16", "utf-8-sig"])), rng))
    return lambda: _read(path, folder)


LOADER = Loader("grids", lambda folder: None, _case)
