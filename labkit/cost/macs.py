"""Multiply-accumulates (MACs) of one forward pass."""

from __future__ import annotations

from torch import nn

from labkit.cost.counting import Counts, count
from labkit.forwarding import Example, fitted, running
from labkit.untouched import untouched


def macs_by_module(module: nn.Module, example: Example) -> dict[str, int]:
    """Count the MACs of every submodule.

    Matrix products of every kind, convolutions (with groups, strides and padding as executed), recurrent cells, attention and
    distances are counted; elementwise operations, normalisation and biases are not.

    Parameters
    ----------
    module : nn.Module
        The model; it runs in eval mode, and is left as it was.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.

    Returns
    -------
    dict
        Path -> MACs of one pass over the example; ``""`` is the whole model.
    """
    return counted(module, example).macs


def counted(module: nn.Module, example: Example, who: str = "the model") -> Counts:
    """Count the MACs of every submodule, and note which ran and what could not be counted.

    Parameters
    ----------
    module : nn.Module
        Left as it was.
    example : Tensor, tuple or dict
    who : str
        For the message.

    Returns
    -------
    Counts

    Raises
    ------
    ValueError
        When the module raises an error for the example.
    """
    with untouched(module), running(who, example):
        return count(module, fitted(module, example))


def paper_macs(module: nn.Module, example: Example) -> int:
    """Count MACs by the convention of Deep Roots: those of convolutions and linear layers, plus one per bias.

    Parameters
    ----------
    module : nn.Module
        The model.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.

    Returns
    -------
    int
        MACs of one pass over the example.

    References
    ----------
    Ioannou et al., Deep Roots: Improving CNN Efficiency with Hierarchical Filter Groups, CVPR 2017.
    """
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd))}
    executed = macs_by_module(module, example)
    biases = sum(layer.bias.numel() for layer in layers.values() if layer.bias is not None)
    return sum(executed.get(name, 0) for name in layers) + biases
