"""The first and the last layer of a network, in the order in which they are called as far as its source tells."""

from __future__ import annotations

from torch import nn

from labkit.layers.plain import BASES


def first_and_last(model: nn.Module) -> set[str]:
    """Return the paths of the first and the last layer with a weight matrix or kernel.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    set of str
    """
    paths = [path for path, layer in model.named_modules() if isinstance(layer, BASES)]
    return {paths[0], paths[-1]} if paths else set()
