"""timm models, with their normalisation as the first layer."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from difflib import get_close_matches
from pathlib import Path

import timm
from torch import nn

from labkit.models.card import load_weights
from labkit.models.normalize import Normalize


def create(name: str, weights: str | os.PathLike | None, options: dict) -> tuple[nn.Module, str]:
    """Build a timm model without downloading.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.
    weights : path or None
        File of weights; random weights without it.
    options : dict
        Passed to `timm.create_model`.

    Returns
    -------
    model : nn.Sequential
        ``normalize`` and ``model`` in eval mode; takes float32 images [N, C, H, W] in [0, 1].
    what : str
        Description for the log.

    Raises
    ------
    ValueError
        If timm cannot build the model, or a download is requested.
    """
    _check_known(name)
    if options.pop("pretrained", False):
        raise ValueError("pretrained=True would download; save the weights to a file yourself and give weights=FILE")
    try:
        inner = timm.create_model(name, pretrained=False, **options).eval()
    except (TypeError, AssertionError, RuntimeError) as error:
        raise ValueError(f"timm cannot build {name!r} with {options}: {error}") from error
    if weights is not None:
        load_weights(inner, Path(weights))
    model = nn.Sequential(OrderedDict(normalize=_normalisation(inner, options), model=inner)).eval()
    state = f"weights of {Path(weights).name}" if weights is not None else "random weights"
    return model, f"timm:{name} with {state}"


def input_size(name: str) -> tuple[int, ...]:
    """Return the input size in timm's configuration of a model.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.

    Returns
    -------
    tuple of int
        Channels, height and width.
    """
    _check_known(name)
    config = timm.get_pretrained_cfg(name)
    return tuple(config.input_size) if config is not None else (3, 224, 224)


def _check_known(name: str) -> None:
    if timm.is_model(name):
        return
    near = get_close_matches(name, timm.list_models(), n=3)
    raise ValueError(f"unknown timm model {name!r}; did you mean {', '.join(near) or 'another'}? timm.list_models() lists all")


def _normalisation(model: nn.Module, options: dict) -> Normalize:
    """timm's mean and std, averaged over channels if the model has another number of input channels."""
    config = getattr(model, "pretrained_cfg", None) or {}
    mean, std = config.get("mean", (0.5,) * 3), config.get("std", (0.5,) * 3)
    channels = options.get("in_chans", len(mean))
    if channels != len(mean):
        mean, std = (sum(mean) / len(mean),) * channels, (sum(std) / len(std),) * channels
    return Normalize(mean, std)


logging.getLogger("timm").setLevel(logging.WARNING)
