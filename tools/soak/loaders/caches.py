"""Small files that labkit wrote itself: the table of kernels, checkpoints, cards and encoders."""

import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from labkit import compress, data, models
from labkit.kernels import choice
from labkit.training import checkpoint
from tools.soak.loaders.files import odd_entry
from tools.soak.loaders.loader import Loader, nothing
from tools.soak.loaders.weights import rezipped
from tools.soak.mutate import mutated, mutated_json


def _changed(path: Path, content: bytes, rng: random.Random) -> None:
    """Write a file of JSON with other values, or damaged."""
    chance = rng.random()
    if chance < 0.03:
        odd_entry(path, rng, devices=False)
    elif chance < 0.7:
        path.write_text(json.dumps(mutated_json(json.loads(content), rng)))
    else:
        path.write_bytes(mutated(content, rng))


def _kernels(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    facts = json.loads(choice.SHIPPED.read_text()) | {"cpu": choice.cpu_name()}
    facts["rows"] = rng.sample(facts["rows"], 3)
    (folder / "labkit").mkdir()
    _changed(folder / "labkit" / "kernels.json", json.dumps(facts).encode(), rng)
    os.environ["XDG_CACHE_HOME"] = str(folder)
    for cached in (choice.table, choice._choose_cpu, choice.cached_dense_is_faster):
        cached.cache_clear()

    return partial(_condensed, rng.choice([1, 64]))


def _condensed(rows: int) -> None:
    """Ask the table in each way that a condensed network does."""
    network = compress.condense(nn.Sequential(nn.Linear(64, 32)), sparsity=0.9)
    network(torch.zeros(rows, 64))
    choice.choose(rows, 3072, 768, 77)


def _compiled() -> None:
    """Compile the kernels, which takes long and is kept on the disk, or load them."""
    for rows in (1, 64):
        _condensed(rows)


def _prepare_checkpoint(folder: Path) -> None:
    weights = nn.Linear(3, 2).state_dict()
    checkpoint.save(folder / "sound.pt", {"model": weights, "step": 3, "history": [0.5, 0.25], "name": "x"})


def _checkpoint(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path, content = folder / "checkpoint.pt", (sound / "sound.pt").read_bytes()
    if rng.random() < 0.03:
        odd_entry(path, rng, devices=False)
    elif rng.random() < 0.2:
        torch.save(rng.choice([{"format": rng.choice(["x", None, 2, 1e300, [1]])}, [1], 3, {"format": torch.zeros(2)}]), path)
    else:
        path.write_bytes(rezipped(content, rng) if rng.random() < 0.5 else mutated(content, rng))
    return lambda: checkpoint.load(path)


def _card(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path = folder / "card.json"
    content = rng.choice(sorted((Path(models.__file__).parent / "weights").glob("*.json"))).read_bytes()
    _changed(path, content, rng)
    return lambda: models.read_card(path)


def _prepare_encoder(folder: Path) -> None:
    path = folder / "people.csv"
    path.write_text(
        "age,sex,when,died\n" + "".join(f"{20 + i},{'fm'[i % 2]},2020-01-{1 + i:02d},{'ny'[i % 2]}\n" for i in range(28))
    )
    (folder / "encoder.json").write_text(
        data.from_csv(path, target="died", groups=["sex"], groups_as_features=True).encoder.to_json()
    )


def _encoder(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path = folder / "encoder.json"
    _changed(path, (sound / "encoder.json").read_bytes(), rng)
    text = path.read_text(errors="replace") if path.is_file() and not path.is_symlink() else ""
    return lambda: data.from_csv(sound / "people.csv", like=data.Encoder.from_json(text))


KERNELS = Loader("kernels.json", lambda folder: _compiled(), _kernels, warm=_compiled)
CHECKPOINT = Loader("checkpoints", _prepare_checkpoint, _checkpoint)
CARD = Loader("cards", nothing, _card)
ENCODER = Loader("encoders", _prepare_encoder, _encoder)
