"""Arrays in memory: odd types, shapes, masks, labels, names and shares."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from labkit import data
from tools.soak.loaders.loader import Loader, nothing
from tools.soak.mutate import ODD_TEXT, VALUES

DTYPES = (
    "uint8",
    "int8",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "longdouble",
    "complex64",
    "bool",
    "O",
    "U3",
    "S3",
    "M8[D]",
    "m8[s]",
)
SHAPES = (
    (20, 3),
    (20, 8, 8),
    (20, 1, 8, 8),
    (20, 3, 8, 8),
    (20, 8, 8, 3),
    (20,),
    (20, 0),
    (0, 3),
    (1, 3),
    (20, 2, 2, 2, 2),
    (),
    (20, 10_000),
)
EXTREMES = (np.nan, np.inf, -np.inf, 1e300, 2.0**24 + 1, 2.0**53 + 1, -1, 0, 255)


def _array(rng: random.Random, shape: tuple[int, ...], dtype: str) -> Any:
    numbers = np.random.default_rng(rng.randrange(2**32))
    try:
        with np.errstate(all="ignore"):
            made = numbers.integers(0, 2 if rng.random() < 0.5 else 200, shape).astype(dtype)
    except (TypeError, ValueError):
        made = np.zeros(shape, dtype)
    if made.size and made.dtype.kind in "fO" and rng.random() < 0.3:
        made.flat[rng.randrange(made.size)] = rng.choice(EXTREMES)
    return made


def _dressed(made: Any, rng: random.Random) -> Any:
    """The same numbers as another kind of object."""
    kind = rng.randrange(12)
    if kind == 0:
        return made.tolist()
    if kind == 1 and made.dtype.kind in "uifbc" and made.dtype.itemsize <= 8:
        tensor = torch.from_numpy(np.ascontiguousarray(made))
        return rng.choice(
            [lambda: tensor, lambda: tensor.to_sparse(), lambda: tensor.to("meta"), lambda: tensor.to(torch.bfloat16)]
        )()
    if kind == 2:
        return np.ma.masked_array(made, mask=np.random.default_rng(0).random(made.shape) < 0.2)
    if kind == 3 and made.ndim == 2:
        return pd.DataFrame(made, columns=[rng.choice([i, "a", 1.5, ("a", i), None]) for i in range(made.shape[1])])
    if kind == 4 and made.ndim == 2 and made.dtype.kind in "if":
        return scipy.sparse.csr_array(made.astype("float64"))
    if kind == 5:
        return made[::-1] if made.ndim else made
    if kind == 6:
        return np.broadcast_to(made, (10**4, *made.shape)) if made.nbytes < 1000 else made
    if kind == 7:
        return rng.choice([None, "text", 3, {}, set(), object(), iter([1, 2]), ["a", "b"] * 10, [[1], [1, 2]] * 10, [b"x"] * 20])
    return made


def _labels(rng: random.Random, rows: int) -> Any:
    kind = rng.randrange(10)
    half = np.arange(rows) % 2
    offers: list[Any] = [
        half,
        half.astype(float),
        np.eye(2)[half],
        half[:, None],
        np.where(half, "yes", "no"),
        half * rng.choice([10**5, 10**9, 2**62]),
        half - 1,
        [rng.choice([*VALUES[:16], *ODD_TEXT]) for _ in range(rows)],
        np.arange(rows) * 1.5,
        pd.Series(half).astype("category"),
    ]
    return offers[kind]


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    shape = SHAPES[0] if rng.random() < 0.4 else rng.choice(SHAPES)
    examples = _dressed(_array(rng, shape, rng.choice(DTYPES)), rng)
    rows = shape[0] if shape else 1
    labels = _labels(rng, rows if rng.random() < 0.9 else rows + 1)
    labels = _dressed(np.asarray(labels), rng) if rng.random() < 0.2 and not isinstance(labels, list) else labels
    offers: dict[str, list[Any]] = {
        "classes": [["a", "b"], ["a", "a"], "ab", [1, 2], [None, "x"], ["a"], [], 3, ["a\nb", "x" * 10**6]],
        "groups": [
            pd.DataFrame({"sex": ["f", "m"] * (rows // 2)}),
            pd.DataFrame({"x": [None] * rows}),
            pd.DataFrame(),
            [1],
            "x",
            pd.DataFrame({"g": [object() for _ in range(rows)]}),
            pd.DataFrame([[1, 2]] * rows, columns=["a", "a"]),
        ],
        "favourable": ["yes", "1", "?", 1],
        "features": [["a", "b", "c"], ["a", "a", "a"], "abc", [], 7, [None] * 3],
        "name": ["", "a\nb", "x" * 10**6, 3],
        "validation_share": [0, 1, -1, float("nan"), "x", 1e308],
        "test_share": [0, 0.99, None],
        "seed": [-1, 2**70, 1.5, "x", None],
    }
    given = {name: rng.choice(offers[name]) for name in rng.sample(sorted(offers), rng.choice([0, 0, 1, 2]))}
    (folder / "case.txt").write_text(f"examples {type(examples)} {shape}\nlabels {type(labels)}\noptions {list(given)}\n")
    return lambda: data.from_arrays(examples, labels, **given)


LOADER = Loader("from_arrays", nothing, _case)
