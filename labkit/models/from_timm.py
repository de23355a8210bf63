"""timm models, with their normalisation as the first layer."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from difflib import get_close_matches
from functools import partial
from typing import Any

import timm
import torch
from torch import nn

from labkit.layers.limits import Counted, TooLargeError, build_within_limits
from labkit.layers.manifest import reason_of
from labkit.models.card import weights_in_words
from labkit.models.normalize import Normalize
from labkit.models.timm_options import check_options, is_plain, parameters_of
from labkit.words import shortly

LONGEST = 100  # characters of a name for which similar ones are looked for


def create(name: str, weights: str | os.PathLike | None, options: dict, seed: int = 0) -> tuple[nn.Module, str]:
    """Build a timm model without downloading.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.
    weights : path or None
        File of weights; random weights without it.
    options : dict
        Passed to `timm.create_model`.
    seed : int
        Of the random weights.

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
    if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
        raise ValueError(f"options of timm:{name} must be names with values, got {shortly(options, 100)}")
    if options.get("pretrained", False):
        raise ValueError("pretrained=True would download; save the weights to a file yourself and give weights=FILE")
    options = {key: value for key, value in options.items() if key != "pretrained"}
    check_options(name, options)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inner = _made(name, options).eval()
    except TooLargeError:
        raise
    except Exception as error:  # architectures raise errors of many types for settings that they do not take
        known = ", ".join(parameters_of(name))
        allowed = f"; its options are {known}" if known else ""
        raise ValueError(f"timm cannot build {name!r} with {shortly(options)}: {reason_of(error)}{allowed}") from error
    model = nn.Sequential(OrderedDict(normalize=_normalisation(inner, options), model=inner)).eval()
    return model, f"timm:{name} with {weights_in_words(model, weights, seed)}"


def _made(name: str, options: dict) -> nn.Module:
    """Build a model; one with options of the user's own first without memory."""
    make = partial(timm.create_model, name, pretrained=False, **options)
    return make() if is_plain(options) else build_within_limits(f"timm:{name} with {shortly(options, 100)}", make)


def image_options(name: str, height: int, width: int) -> dict[str, Any]:
    """Return what an architecture must be told of the size of its pictures.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.
    height, width : int

    Returns
    -------
    dict
        ``img_size`` for architectures that are built for one size (transformers, mixers), where it is not their usual one.

    Raises
    ------
    ValueError
        When the architecture cannot be built for this size.
    """
    _check_known(name)
    if input_size(name)[1:] == (height, width):
        return {}
    option = {"img_size": height if height == width else (height, width)}
    check_options(name, option)
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]), Counted(f"timm:{name} for {height}x{width} pictures"):
            timm.create_model(name, pretrained=False, **option)  # shapes alone
    except TooLargeError:
        raise
    except TypeError as error:
        if "img_size" in str(error):
            return {}
        raise ValueError(f"timm cannot build {name!r} for pictures of {height}x{width}: {error}") from error
    except Exception as error:  # architectures raise errors of many types for sizes that they do not take
        reason = reason_of(error)
        usual = "x".join(map(str, input_size(name)[1:]))
        raise ValueError(
            f"timm cannot build {name!r} for pictures of {height}x{width} ({reason}); give pictures of its usual {usual} (--size)"
        ) from error
    return option


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
    if len(name) > LONGEST:
        raise ValueError(f"unknown timm model {shortly(name, 60)}; timm.list_models() lists all")
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
