"""A limit on what a stored description may allocate, checked before each allocation."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

TIMES = 64  # what a network may take relative to the file of its weights: the densest storage keeps one bit of a number
FLOOR = 64 << 20  # bytes that any network may take
BY_NAME = 2 << 30  # bytes that a network may take which is first built dense by its name
MOST_TENSORS = 1_000_000


class AtMost(TorchDispatchMode):
    """Refuse tensors beyond a number of bytes before they are allocated.

    A stored description of a few bytes may ask for terabytes, which a system grants until they are filled.

    Parameters
    ----------
    size : int
        Bytes of all tensors that are made inside.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.limit, self.spent, self.made = size, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Count what an operation would make from its sizes, then run it.

        Parameters
        ----------
        func, types, args, kwargs
            As torch gives them.

        Returns
        -------
        object

        Raises
        ------
        ValueError
        """
        options = kwargs or {}
        count = _elements(func, args, options)
        if count:
            kind = options.get("dtype") or torch.get_default_dtype()
            on_meta = str(options.get("device")) == "meta"
            self.spent += 0 if on_meta else count * kind.itemsize
            self.made += 1
            if self.spent > self.limit or self.made > MOST_TENSORS:
                raise ValueError(
                    f"its description asks for at least {self.spent / 1e9:,.1f} GB, and at most {self.limit / 1e9:,.1f} GB are "
                    "allocated for weights of its size; give base=, the network it was compressed from"
                )
        return func(*args, **options)


def _elements(func: Any, args: tuple, options: dict[str, Any]) -> int:
    """Return how many elements a factory makes; 0 for other operations."""
    names = [argument.name for argument in func._schema.arguments]
    given = dict(zip(names, args, strict=False)) | options
    if "size" in given and "self" not in names and isinstance(given["size"], (list, tuple)):
        return math.prod(given["size"])
    if func._schema.name == "aten::eye":
        return int(given["n"]) * int(given.get("m", given["n"]))
    if func._schema.name in ("aten::arange", "aten::linspace"):
        steps = given["steps"] if "steps" in given else (given["end"] - given.get("start", 0)) / given.get("step", 1)
        return max(0, int(steps))
    if func._schema.name == "aten::repeat":
        return math.prod(given["repeats"]) * given["self"].numel()
    return 0


def allowed(weights: int, *, by_name: bool) -> int:
    """Return how many bytes a network may take while it is built again.

    Parameters
    ----------
    weights : int
        Bytes of the file of its weights.
    by_name : bool
        Whether it is built dense by its name first.

    Returns
    -------
    int
    """
    return TIMES * weights + (BY_NAME if by_name else FLOOR)
