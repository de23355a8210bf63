"""Run somebody else's network, method or measure: one at a time, and whatever it raises becomes a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from labkit.data import Split
from labkit.forwarding import reason, running
from labkit.training import logits_of
from labkit.training.prediction import as_array

# One at a time in the whole process: two jobs that each want all cores take ten times as long, time each other's latency, and would
# see a network in the mode that the other has put it in. The thread that has the turn may take it again.
TURN = threading.RLock()


@contextmanager
def in_a_sentence(what: str) -> Iterator[None]:
    """Turn what somebody else's code raises into a ValueError of one sentence.

    Parameters
    ----------
    what : str
        What failed, the beginning of the sentence.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        For anything but a lack of memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"{what}: {reason(error)}") from error


def logits(forward: Callable[[Tensor], object], x: Tensor, split: Split, whose: str) -> np.ndarray:
    """Return the outputs of a network on some examples.

    Parameters
    ----------
    forward : callable
        Called with `x`.
    x : Tensor, [n, ...]
        On the network's device and in its dtype.
    split : Split
        They come from it.
    whose : str
        "the network" or "the compressed network", for messages.

    Returns
    -------
    ndarray
        float [n, C].

    Raises
    ------
    ValueError
        When the network does not take the examples, or returns no row of logits for each.
    TypeError
        When it returns no tensor of logits.
    """
    with running(whose, x[:1], "this split's examples"):
        output = forward(x)
    found = logits_of(output, whose)
    if found.ndim != 2 or len(found) != len(x):
        raise ValueError(
            f"{whose} must return a row of logits for each example, [{len(x)}, {len(split.classes)}] of {len(x)} examples; "
            f"got {list(found.shape)}"
        )
    return as_array(found)
