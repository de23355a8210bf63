"""Folders of runs: each file damaged, rewritten with other values under a right checksum, exchanged or gone."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit import audit, compress, runs
from labkit.data import Split
from tools.soak.loaders.files import odd_entry
from tools.soak.loaders.loader import Loader
from tools.soak.loaders.weights import with_header
from tools.soak.mutate import mutated, mutated_json

HUGE = [
    {"type": "Linear", "arguments": {"in_features": 10**6, "out_features": 10**6, "bias": True}},
    {"same_as": "nowhere"},
    {"type": "Upsample", "arguments": {"scale_factor": 10**9}},
    {"type": "Module", "arguments": {}},
    {"type": "Linear", "spec": {}},
    {"type": "Embedding", "arguments": {"num_embeddings": 2**40, "embedding_dim": 2**20}},
    {"parts": {"0": {"parts": {}}}},
]


def _prepare(folder: Path) -> None:
    numbers = np.random.default_rng(0)
    groups = pd.DataFrame({"sex": numbers.choice(["f", "m"], 60)})
    split = Split(numbers.integers(0, 3, 60), ("a", "b", "c"), x=numbers.normal(size=(60, 6)).astype(np.float32), groups=groups)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).eval()
    store = runs.Store(folder / "runs")
    for method, made in (
        ("condense", compress.condense(network, sparsity=0.75)),
        ("quantize", compress.quantize(network)),
        ("low_rank", compress.low_rank(network, budget=0.5)),
    ):
        found = audit.audit(made, split, reference=network, cost=False, seconds=0)
        store.save(made, audit=found, config={"method": method, "parameters": {}, "model": "net", "data": "numbers", "seed": 0})


def _other_table(path: Path, rng: random.Random) -> None:
    """Parquet with a column gone, of another type, or of extreme values."""
    table = pd.read_parquet(path)
    column = rng.choice(list(table.columns))
    offers: list[Callable[[], pd.DataFrame]] = [
        lambda: table.drop(columns=column),
        lambda: table.rename(columns={column: rng.choice(["", "x", "a\nb"])}),
        lambda: table.iloc[: rng.choice([0, 1])],
        lambda: pd.concat([table] * rng.choice([2, 50])),
        lambda: table.assign(**{str(column): rng.choice([None, -1, 10**12, float("nan"), 1e308, "x", "x" * 10**6, True])}),
        lambda: table.assign(**{str(column): [[1, 2]] * len(table)}),
        lambda: table.sample(frac=1, random_state=rng.randrange(1000)),
        lambda: table.set_index(column),
        lambda: pd.DataFrame(),
    ]
    rng.choice(offers)().to_parquet(path)


def _change(path: Path, rng: random.Random) -> None:
    content, chance = path.read_bytes(), rng.random()
    if chance < 0.25:
        path.write_bytes(mutated(content, rng))
    elif chance < 0.3:
        path.unlink()
        if rng.random() < 0.5:
            odd_entry(path, rng)
    elif chance < 0.35:
        others = [other for other in sorted(path.parent.iterdir()) if other.is_file()]
        path.write_bytes(rng.choice(others).read_bytes())
    elif path.suffix == ".json":
        _rewritten(path, json.loads(content), rng)
    elif path.suffix == ".parquet":
        _other_table(path, rng)
    else:
        path.write_bytes(with_header(content, rng))


def _rewritten(path: Path, facts: Any, rng: random.Random) -> None:
    if path.name == "run.json" and rng.random() < 0.3:
        facts["source"] = rng.choice([{"blueprint": rng.choice(HUGE)}, {"blueprint": mutated_json(facts["source"], rng)}, {}, None])
    elif path.name == "run.json" and rng.random() < 0.15:
        deep: Any = {"type": "ReLU", "arguments": {}}
        for _ in range(rng.choice([50, 900])):
            deep = {"type": "Sequential", "parts": {"0": deep}}
        facts["source"] = {"blueprint": deep}
    else:
        facts = mutated_json(facts, rng)
    text = json.dumps(facts)
    path.write_text("[" * 100_000 if rng.random() < 0.01 else text)


def _seal(run: Path) -> None:
    """Put the present lengths and checksums into run.json, so that what is behind them is reached."""
    try:
        facts = json.loads((run / "run.json").read_text())
        for name, known in facts["files"].items():
            content = (run / name).read_bytes()
            known.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        (run / "run.json").write_text(json.dumps(facts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass


def _everything(library: runs.Library) -> None:
    table = library.table()
    for name in table.index:
        library.per_class(name)
    library.class_changes(list(table.index))
    for column in library.group_columns(list(table.index)):
        library.group_metric(list(table.index), column, "demographic_parity_difference")
    for model in table["model"].unique():
        library.reference(model)


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    place = folder / "runs"
    shutil.copytree(sound / "runs", place)
    run = rng.choice(sorted(path for path in place.iterdir() if path.is_dir()))
    for path in rng.sample(sorted(run.iterdir()), rng.choice([1, 1, 1, 2])):
        _change(path, rng)
    if rng.random() < 0.7:
        _seal(run)
    if rng.random() < 0.1:
        run = run.rename(place / rng.choice(["x", "a\nb", "0" * 16, "é", "copy"]))
    name, store = run.name, runs.Store(place)
    # what can be made again is, with the network that it was made from: the store does not hold it
    offers: list[Callable[[], object]] = [
        lambda: store.load(name),
        lambda: store.load(name),
        lambda: store.load(name),
        store.table,
        lambda: _everything(runs.Library(store)),
        lambda: runs.Library(store).load(name),
        lambda: runs.Library(store).audit(name),
        lambda: runs.rebuild(store.run(name)),
        lambda: runs.recommend(runs.Library(store).table(), max_accuracy_loss=0.5),
        lambda: store.run(name),
    ]
    return rng.choice(offers)


LOADER = Loader("runs", _prepare, _case)
