"""Options of timm models: which there are, of which type, and up to which size."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import timm
import torch

from labkit.layers.limits import MOST_PARAMETERS, check_numbers
from labkit.words import shortly

# options that every architecture takes -> smallest and largest value
SIZES = {"num_classes": (0, 1_000_000), "in_chans": (1, 10_000), "img_size": (1, 8192)}
MOST = 1_000_000  # of any other number, e.g. a depth
# of timm.create_model itself: they read files or download
FOREIGN = ("pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "scriptable", "exportable", "no_jit")


def check_options(name: str, options: dict[str, Any]) -> None:
    """Refuse options that a timm model does not take, before anything is built.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.
    options : dict

    Raises
    ------
    ValueError
        For a value of another type than the default, or a number beyond the limits. Names that an architecture does not know are
        left to its construction: some builders take more than the class does.
    """
    for key, value in options.items():
        if key in FOREIGN:
            raise ValueError(f"{key}= is no option here; save the weights to a file and give weights=FILE")
        if key in SIZES:
            _check_size(name, key, value)
    rest = {key: value for key, value in options.items() if key not in SIZES}
    check_numbers(f"timm:{name}", rest, MOST)
    known = parameters_of(name) if rest else {}
    for key, value in rest.items():
        _check_type(name, key, value, known.get(key))


@functools.lru_cache(maxsize=64)
def parameters_of(name: str) -> dict[str, Any]:
    """Return the options of an architecture with their defaults.

    Parameters
    ----------
    name : str
        A name of `timm.list_models`.

    Returns
    -------
    dict of str to object
        Empty where they cannot be known, because it takes any.
    """
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            kind = type(timm.create_model(name, pretrained=False))
    except Exception:  # an architecture that cannot be built without values
        return {}
    found = list(inspect.signature(kind.__init__).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in found):
        return {}
    return {parameter.name: parameter.default for parameter in found if parameter.name not in ("device", "dtype")}


def _check_size(name: str, key: str, value: Any) -> None:
    low, high = SIZES[key]
    sides = value if isinstance(value, (list, tuple)) and key == "img_size" and len(value) == 2 else [value]
    for side in sides:
        if isinstance(side, bool) or not isinstance(side, int) or not low <= side <= high:
            raise ValueError(f"{key}= of timm:{name} must be an integer from {low} to {high:,}, got {shortly(value, 60)}")


def _check_type(name: str, key: str, value: Any, usual: Any) -> None:
    """Refuse NaN, and a value of another type than the default; what takes several types has mostly None there."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key}= of timm:{name} must be finite, got {value}")
    number = isinstance(usual, (int, float)) and not isinstance(usual, bool)
    wrong = (
        (number and (isinstance(value, (str, bytes, dict)) or (isinstance(value, bool) and not isinstance(usual, bool))))
        or (isinstance(usual, bool) and not isinstance(value, (bool, int)))
        or (isinstance(usual, int) and isinstance(value, float) and not isinstance(usual, bool))
        or (isinstance(usual, str) and isinstance(value, (int, float)))
    )
    if wrong:
        raise ValueError(f"{key}= of timm:{name} must be {_kind(usual)} like its default {usual!r}, got {shortly(value, 60)}")


def _kind(usual: Any) -> str:
    return {"bool": "True or False", "int": "an integer", "float": "a number", "str": "a word"}[type(usual).__name__]


def is_plain(options: dict[str, Any]) -> bool:
    """Whether options say no more than data do, and so little that no architecture becomes large by them."""
    return options.keys() <= {"num_classes", "in_chans"} and math.prod(options.values()) <= MOST_PARAMETERS // 100_000
