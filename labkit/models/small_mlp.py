"""small_mlp: a perceptron for a table that no other network fits, trained in place in seconds to minutes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from labkit.data import Dataset, Split
from labkit.models.normalize import Normalize
from labkit.seeds import checked_seed
from labkit.training import Batches, Callback, KeepBest, fit, warmup_cosine
from labkit.words import shortly

SMALL_MLP = "small_mlp"
HIDDEN = (64, 32)
MOST_COLUMNS = 1_000_000  # and classes
BATCH = 128
EPOCHS = 30
FEWEST, MOST = 300, 4000  # steps: enough for a table of some hundred rows, and some ten seconds for a large one


def build_small_mlp(*, num_classes: int, in_chans: int, seed: int = 0) -> nn.Module:
    """Build the network D-64-32-C with ReLU; its first layer normalises every column.

    Parameters
    ----------
    num_classes, in_chans : int
        Numbers of classes and of columns.
    seed : int
        Of its random weights; the caller's random state is neither used nor changed.

    Returns
    -------
    nn.Module
        Takes float32 rows [N, D]; outputs logits [N, C]. In eval mode.

    Raises
    ------
    ValueError
        For anything but an integer from 1 to 1,000,000.
    """
    for name, value in (("num_classes", num_classes), ("in_chans", in_chans)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_COLUMNS:
            raise ValueError(f"{name} of {SMALL_MLP} must be an integer from 1 to {MOST_COLUMNS:,}, got {shortly(value, 60)}")
    first, second = HIDDEN
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(checked_seed(seed))
        model = nn.Sequential(
            OrderedDict(
                normalize=Normalize([0.0] * in_chans, [1.0] * in_chans),
                fc1=nn.Linear(in_chans, first),
                relu1=nn.ReLU(),
                fc2=nn.Linear(first, second),
                relu2=nn.ReLU(),
                fc3=nn.Linear(second, num_classes),
            )
        )
    return model.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Layers this small are slower on several threads, and much slower on a machine that is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Step:
    """How far a training is.

    Attributes
    ----------
    done, total : int
        Steps.
    seconds_left : float
        As the steps so far took; NaN before the first.
    message : str
        E.g. the newest validation accuracy.
    """

    done: int
    total: int
    seconds_left: float
    message: str


class _Tell(Callback):
    """Report every step, and end the training when it is no longer wanted."""

    def __init__(self, tell: Callable[[Step], bool]) -> None:
        self.tell, self.stopped, self.began = tell, False, time.monotonic()

    def stepped(self, loop) -> None:  # type: ignore[no-untyped-def]
        left = (time.monotonic() - self.began) / loop.step * (loop.steps - loop.step)
        if not self.tell(Step(loop.step, loop.steps, left, loop.message)):
            self.stopped = True
            loop.stop()


def train_small_mlp(dataset: Dataset, *, seed: int = 0, tell: Callable[[Step], bool] = lambda step: True) -> nn.Module | None:
    """Train a small perceptron on the rows of a table; the weights with the best validation accuracy are kept.

    Parameters
    ----------
    dataset : Dataset
        Rows of numbers, e.g. of `labkit.data.from_csv`.
    seed : int
        Of weights and batches.
    tell : callable (Step) -> bool
        Called after every step; the training ends where it returns False.

    Returns
    -------
    nn.Module or None
        As ``labkit.models.load("small_mlp", weights=…)`` gives it, in eval mode; None when it was ended.

    Raises
    ------
    ValueError
        When the data hold no rows of numbers, or one class alone.
    """
    train, validation = dataset.train, dataset.validation
    if not isinstance(train, Split) or train.x is None or train.multilabel:
        raise ValueError(f"{SMALL_MLP} takes rows of numbers with one label each, and {dataset.name} holds none; give a CSV file")
    if len(np.unique(train.labels)) < 2:
        raise ValueError(f"{dataset.name} has one class alone in its training part; give a target column with two values or more")
    rows = torch.from_numpy(np.asarray(train.x, np.float32))
    model = build_small_mlp(num_classes=len(dataset.classes), in_chans=rows.shape[1], seed=seed)
    normalize = model.normalize
    with torch.no_grad():
        spread = rows.std(0, unbiased=False)
        normalize.mean.copy_(rows.mean(0))  # type: ignore[union-attr, operator]
        normalize.std.copy_(torch.where(spread > 0, spread, 1.0))  # type: ignore[union-attr, operator]
    batches = Batches(rows, torch.from_numpy(train.labels), min(BATCH, max(len(rows) // 8, 1)), seed=seed)
    steps = min(max(EPOCHS * batches.per_epoch, FEWEST), MOST)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    told = _Tell(tell)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        fit(
            model,
            batches,
            steps=steps,
            optimizer=optimizer,
            scheduler=warmup_cosine(optimizer, steps, 0.1),
            clip_norm=1.0,
            callbacks=[KeepBest(validation, every=min(batches.per_epoch, steps)), told],
            progress=False,
        )
    return None if told.stopped else model
