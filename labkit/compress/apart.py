"""`apart`: work that depends on nothing of the caller's modes and changes nothing of its random state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from labkit.seeds import checked_seed


@contextmanager
def apart(seed: int) -> Iterator[None]:
    """Work with gradients and random numbers of its own, and give back the caller's.

    Inside, gradients are recorded and tensors are ordinary ones even where the caller is under ``torch.no_grad`` or
    ``torch.inference_mode``; the random states of torch, numpy and Python begin at the seed, and afterwards are what they were: a
    network that draws random numbers when it is called gives the same result for the same seed.

    Parameters
    ----------
    seed : int

    Yields
    ------
    None

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with apart(0):
    ...     _ = torch.rand(3)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    seed = checked_seed(seed)
    arrays, plain = np.random.get_state(), random.getstate()  # noqa: NPY002, it is the caller's
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(arrays)  # noqa: NPY002
        random.setstate(plain)
