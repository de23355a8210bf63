"""Calling a network that someone else wrote: its errors as one sentence, and inputs in a dtype that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Example = torch.Tensor | tuple | list | dict


class NotTaken(ValueError):
    """A network raised an error for an input; one sentence with network, dtype, shape and reason."""


@contextmanager
def running(who: str, example: Any, what: str = "this example") -> Iterator[None]:
    """Turn whatever a network's forward raises into a ValueError of one sentence.

    Memory that runs out, interruptions, and labkit's own signals pass through; so does a sentence that was made already.

    Parameters
    ----------
    who : str
        E.g. "the model", "the reference".
    example : Tensor, tuple, list or dict
        The input, for its dtypes and shapes.
    what : str
        What the input is, e.g. "this split's examples".

    Yields
    ------
    None

    Raises
    ------
    NotTaken
        A ValueError.

    Examples
    --------
    >>> with running("the model", torch.zeros(1, 3)):
    ...     raise IndexError("index 3 is out of range")
    Traceback (most recent call last):
    labkit.forwarding.NotTaken: the model does not take this example (float32 [1, 3]): index 3 is out of range
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, NotTaken):
        raise
    except Exception as error:  # a network from outside may raise anything
        if type(error).__module__.partition(".")[0] == "labkit":
            raise
        raise NotTaken(f"{who} does not take {what} ({described(example)}): {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Return the first line of an error, with its type where the text alone says little.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    name = type(error).__name__
    if not lines:
        return name
    return f"{name}: {lines[0]}" if isinstance(error, (KeyError, AssertionError, StopIteration)) else lines[0]


def described(example: Any) -> str:
    """Return dtypes and shapes of an input.

    Parameters
    ----------
    example : Tensor, tuple, list, dict or other

    Returns
    -------
    str

    Examples
    --------
    >>> described({"x": torch.zeros(1, 2), "scale": 3})
    'x: float32 [1, 2], scale: 3'
    """
    if isinstance(example, torch.Tensor):
        return f"{str(example.dtype).removeprefix('torch.')} {list(example.shape)}"
    if isinstance(example, (tuple, list, dict)):
        parts = example.items() if isinstance(example, dict) else enumerate(example)
        return ", ".join(f"{key}: {described(part)}" for key, part in parts)
    text = repr(example)
    return text if len(text) <= 40 else type(example).__name__


def called(network: nn.Module, example: Example) -> Any:
    """Call a network with an input.

    Parameters
    ----------
    network : nn.Module
    example : Tensor, tuple, list or dict
        A tensor, positional arguments or keyword arguments.

    Returns
    -------
    Any
        Its output.
    """
    if isinstance(example, dict):
        return network(**example)
    return network(*example) if isinstance(example, (tuple, list)) else network(example)


def fitted(network: nn.Module, example: Example) -> Any:
    """Return an input in the floating dtype that a network takes.

    A network whose first floating parameter has the input's dtype gets the input as it is, without a trial. Otherwise the network
    is tried on the input as it is, because it may cast by itself, and then on the input in the dtype of that parameter. Call this
    inside `labkit.untouched.untouched`.

    Parameters
    ----------
    network : nn.Module
    example : Tensor, tuple, list or dict

    Returns
    -------
    Tensor, tuple, list or dict
        The input itself when it needs no cast or when neither works; calling the network then says why.

    Examples
    --------
    >>> fitted(nn.Linear(2, 2).bfloat16(), torch.zeros(1, 2)).dtype
    torch.bfloat16
    """
    wanted = next((p.dtype for p in network.parameters() if p.is_floating_point()), None)
    if wanted is None or all(part.dtype == wanted for part in _floating(example)):
        return example
    other = _cast(example, wanted)
    for candidate in (example, other):
        try:
            called(network, candidate)
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception:  # what a network takes is the question here
            continue
        return candidate
    return example


def _floating(example: Any) -> Iterator[torch.Tensor]:
    if isinstance(example, torch.Tensor):
        if example.is_floating_point():
            yield example
    elif isinstance(example, (tuple, list, dict)):
        for part in example.values() if isinstance(example, dict) else example:
            yield from _floating(part)


def _cast(example: Any, dtype: torch.dtype) -> Any:
    if isinstance(example, torch.Tensor):
        return example.to(dtype) if example.is_floating_point() else example
    if isinstance(example, dict):
        return {key: _cast(part, dtype) for key, part in example.items()}
    return tuple(_cast(part, dtype) for part in example) if isinstance(example, (tuple, list)) else example
