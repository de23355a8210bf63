"""`logits_of`: the logits in whatever a network returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

NAMES = ("logits", "output", "out", "prediction", "predictions")


def logits_of(output: Any, who: str = "the network") -> torch.Tensor:
    """Return the logits in the output of a network.

    Parameters
    ----------
    output : Tensor, tuple, list, mapping or object with ``logits``
        A tensor is returned as it is. Of a tuple or list the first entry is taken, of a mapping the entry named "logits" (or
        "output", "out", "prediction"), or its only tensor.
    who : str
        For the message.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        When there is no such tensor.

    Examples
    --------
    >>> logits_of((torch.zeros(2, 3), "features")).shape
    torch.Size([2, 3])
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        tensors = {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}
        named = [tensors[name] for name in NAMES if name in tensors] or list(tensors.values()) * (len(tensors) == 1)
        if named:
            return named[0]
        raise TypeError(
            f"{who} returns a dict with {', '.join(map(str, output)) or 'nothing'}, of which none is named logits; "
            "wrap it in a module whose forward returns the logits"
        )
    if isinstance(output, (tuple, list)) and output and isinstance(output[0], torch.Tensor):
        return output[0]
    if isinstance(getattr(output, "logits", None), torch.Tensor):
        return output.logits
    raise TypeError(f"{who} returns {type(output).__name__}, not a tensor of logits; wrap it in a module whose forward returns one")
