"""Run somebody else's network, method or measure: one at a time, and whatever it raises becomes a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from labkit.data import Split
from labkit.training import logits_of

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


def reason(error: Exception) -> str:
    """Return what an error says in one line, with its kind where the text alone would not be understood.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str

    Examples
    --------
    >>> reason(KeyError("x")), reason(RuntimeError("mat1 and mat2"))
    ("KeyError: 'x'", 'mat1 and mat2')
    """
    text = (str(error).strip().splitlines() or [""])[0]
    plain = isinstance(error, (ValueError, TypeError, RuntimeError, OSError)) and not isinstance(error, NotImplementedError)
    return text if plain and text else f"{type(error).__name__}: {text}".removesuffix(": ")


def logits(forward: Callable[[Tensor], object], x: Tensor, split: Split, whose: str) -> np.ndarray:
    """Return the outputs of a network on some examples.

    Parameters
    ----------
    forward : callable
        Called with `x`.
    x : Tensor, [n, ...]
        Examples as `fitted` returns them.
    split : Split
        They come from it.
    whose : str
        "the network" or "the compressed network", for messages.

    Returns
    -------
    ndarray
        float32 [n, C].

    Raises
    ------
    ValueError
        When the network does not take the examples, or returns no row of logits for each.
    TypeError
        When it returns no tensor of logits.
    """
    shape = f"{str(x.dtype).removeprefix('torch.')} {[1, *x.shape[1:]]}"
    with in_a_sentence(f"{whose} does not take this split's examples ({shape})"):
        output = forward(x)
    found = logits_of(output, whose)
    if found.ndim != 2 or len(found) != len(x):
        raise ValueError(
            f"{whose} must return a row of logits for each example, [{len(x)}, {len(split.classes)}] of {len(x)} examples; "
            f"got {list(found.shape)}"
        )
    return found.float().cpu().numpy()


def fitted(network: nn.Module, x: Tensor) -> Tensor:
    """Return examples on the device and in the precision of a network.

    Parameters
    ----------
    network : nn.Module
    x : float32 Tensor

    Returns
    -------
    Tensor
    """
    first = next((each for each in network.parameters() if each.dtype in (torch.half, torch.bfloat16, torch.double)), None)
    device = next((each.device for each in network.parameters()), x.device)
    return x.to(device=device, dtype=x.dtype if first is None else first.dtype)
