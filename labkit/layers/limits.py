"""How large a network may be that is built from a description: told from shapes, before any memory is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from labkit.words import shortly

T = TypeVar("T")

MOST_PARAMETERS = 2_000_000_000  # with buffers and what is computed while building; 8 GB in float32
MOST_IN_TENSOR = 2**29  # 2 GB in float32
MOST_TENSORS = 10_000  # more of them take minutes, whatever their sizes
MOST_NUMBER = 100_000_000  # a single number in a description: some constructors make a list as long as that first


class TooLargeError(ValueError):
    """A network that a description asks for is beyond the limits."""


def build_within_limits(what: str, make: Callable[[], T]) -> T:
    """Build a network, if it is within the limits: first without memory, from its shapes alone.

    Parameters
    ----------
    what : str
        For the message.
    make : callable
        Builds it; called twice.

    Returns
    -------
    object
        What `make` returned the second time.

    Raises
    ------
    ValueError
        Beyond the limits of this module, or where the memory does not suffice.
    """
    check_size(what, make)
    try:
        with Counted(what):
            return make()
    except MemoryError as error:
        raise TooLargeError(_sentence(what, "takes more memory than there is")) from error
    except RuntimeError as error:
        if "allocate memory" in str(error):
            raise TooLargeError(_sentence(what, "takes more memory than there is")) from error
        raise


def check_size(what: str, make: Callable[[], Any]) -> None:
    """Refuse a network beyond the limits, from its shapes alone; the caller's random state stays.

    Parameters
    ----------
    what : str
    make : callable

    Raises
    ------
    ValueError
        Only for the size: what else is wrong is left to the construction itself.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"), Counted(what):
        try:
            make()
        except TooLargeError:
            raise
        except Exception:  # said, better, when it is built with values, which some networks need
            return


def check_numbers(what: str, value: Any, most: int = MOST_NUMBER, name: str = "") -> None:
    """Refuse a description that holds a number beyond any layer's size.

    Parameters
    ----------
    what : str
    value : object
        Numbers, lists and mappings of them; others are not looked at.
    most : int
    name : str
        Of the value, for the message.

    Raises
    ------
    ValueError
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            check_numbers(what, part, most, str(key))
    elif isinstance(value, (list, tuple)):
        for part in value:
            check_numbers(what, part, most, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not -most <= value <= most:
        of = f"{shortly(name, 40)}=" if name else ""
        raise TooLargeError(_sentence(what, f"has {of.replace(chr(39), '')}{shortly(value, 60)}, beyond {most:,}"))


class Counted(TorchDispatchMode):
    """Look at the size of every tensor that this thread makes, before it is made, and at their sum."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.numbers, self.tensors = what, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], (list, tuple)) and all(isinstance(size, int) for size in args[0]):
            size = math.prod(args[0])
            self.numbers, self.tensors = self.numbers + size, self.tensors + 1
            if size > MOST_IN_TENSOR:
                raise TooLargeError(_sentence(self.what, f"has a tensor of {size:,} numbers, more than {MOST_IN_TENSOR:,}"))
            if self.numbers > MOST_PARAMETERS:
                raise TooLargeError(_sentence(self.what, f"has more than {MOST_PARAMETERS:,} parameters"))
            if self.tensors > MOST_TENSORS:
                raise TooLargeError(_sentence(self.what, f"has more than {MOST_TENSORS:,} tensors"))
        return func(*args, **(kwargs or {}))


def _sentence(what: str, why: str) -> str:
    return f"{what} {why}, which labkit does not build; give a smaller network"
