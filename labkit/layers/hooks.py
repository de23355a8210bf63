"""Hooks and replaced forwards of a module: which there are, and moving them to another module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

CALLED = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
MARKS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs", "_forward_hooks_always_called")
STATE = ("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")
WEIGHT = (BasePruningMethod, WeightNorm, SpectralNorm)  # hooks that compute a weight before every call

USUAL = frozenset(vars(nn.Conv2d(1, 1, 1, device="meta"))) | {"in_features", "out_features", "forward"}


def weight_hooks(module: nn.Module) -> list[Callable]:
    """Return the hooks of ``torch.nn.utils`` that compute a weight before every call: pruning, weight and spectral norm."""
    return [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, WEIGHT)]


def state_hooks(module: nn.Module) -> list[Callable]:
    """Return the user's hooks on ``state_dict`` and ``load_state_dict`` of a module."""
    hooks = [hook for name in STATE for hook in getattr(module, name, {}).values()]
    return [hook for hook in hooks if not _comes_with(_function(hook))]


def called_hooks(module: nn.Module) -> list[Callable]:
    """Return the user's hooks on forward and backward passes of a module."""
    hooks = [hook for name in CALLED for hook in getattr(module, name, {}).values()]
    return [hook for hook in hooks if not isinstance(hook, WEIGHT) and not _comes_with(_function(hook))]


def is_patched(module: nn.Module) -> bool:
    """Whether ``forward`` was replaced on this instance."""
    return "forward" in vars(module) or "_conv_forward" in vars(module)


def move_hooks(old: nn.Module, new: nn.Module) -> None:
    """Add the forward and backward hooks of one module to another that takes its place.

    Hooks that compute the weight of `old` stay behind: what they compute is in the weight of `new`.

    Parameters
    ----------
    old, new : nn.Module
        `new` is changed in place; hooks that it has already are not repeated.
    """
    for name in CALLED:
        hooks = {key: hook for key, hook in getattr(old, name).items() if not isinstance(hook, WEIGHT)}
        getattr(new, name).update(hooks)
    for name in MARKS:
        getattr(new, name).update(getattr(old, name))
    if old._backward_hooks:
        new._is_full_backward_hook = old._is_full_backward_hook


def take_over(old: nn.Module, new: nn.Module) -> None:
    """Give a new layer what was attached to the one whose place it takes: hooks, and plain attributes that it lacks.

    Parameters
    ----------
    old, new : nn.Module
        `new` is changed in place.
    """
    move_hooks(old, new)
    for name, value in vars(old).items():
        if name not in USUAL and not name.startswith("_") and not hasattr(new, name) and not isinstance(value, Tensor):
            setattr(new, name, value)


def customised(model: nn.Module) -> dict[str, list[str]]:
    """Return what was added to the modules of a network after they were built, and no architecture describes.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to list of str
        Path of the module -> "hook", "state dict hook", "weight hook" or "forward", as often as they occur.
    """
    found: dict[str, list[str]] = {}
    for path, module in model.named_modules():
        marks = ["hook"] * len(called_hooks(module)) + ["state dict hook"] * len(state_hooks(module))
        marks += ["weight hook"] * len(weight_hooks(module)) + ["forward"] * is_patched(module)
        if marks:
            found[path] = marks
    return found


def _function(hook: Any) -> Any:
    """The function behind a hook, e.g. behind torch's wrapper of hooks on ``load_state_dict``."""
    return getattr(hook, "hook", hook)


def _comes_with(hook: Any) -> bool:
    """Whether a hook belongs to torch's own modules or to labkit, not to the user."""
    where = getattr(hook, "__module__", None) or type(hook).__module__
    return str(where).startswith(("torch.", "labkit."))
