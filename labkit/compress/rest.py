"""Layers with weights of kinds that a method does not replace: they stay dense, and a note says so."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from labkit.layers import is_registered
from labkit.layers.sentences import listed

PART = 0.05  # raw parameters of a module with submodules are named from this fraction of all parameters on
NORMS = ("Norm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d")


def other_kinds(model: nn.Module, kinds: tuple[type[nn.Module], ...], without: Collection[str] = ()) -> list[str]:
    """Return a sentence for each class of layers that have weight matrices or kernels and are not of `kinds`.

    Parameters
    ----------
    model : nn.Module
    kinds : tuple of classes
        What a method replaces.
    without : collection of str
        Paths that are not in question.

    Returns
    -------
    list of str
        E.g. "1 LSTM stays dense (rnn, 40 % of the parameters): only Linear and Conv2d are replaced".
    """
    total = sum(parameter.numel() for parameter in model.parameters()) or 1
    found: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    ours = tuple(f"{path}." for path, module in model.named_modules() if is_registered(module))
    for path, module in model.named_modules():
        own = sum(parameter.numel() for parameter in module._parameters.values() if parameter is not None and parameter.ndim > 1)
        kind = type(module)
        if not own or path in without or isinstance(module, kinds) or is_registered(module) or _is_norm(module):
            continue
        is_layer = kind.__module__.startswith("torch.nn") or not any(True for _ in module.children())
        if f"{path}.".startswith(ours or "\0") or not (is_layer or own >= PART * total):
            continue
        found.setdefault(kind.__name__, []).append(path)
        sizes[kind.__name__] = sizes.get(kind.__name__, 0) + own
    *first, last = (kind.__name__ for kind in kinds)
    replaced = f"{', '.join(first)} and {last}" if first else last
    sentences = []
    for name, paths in found.items():
        stay = "stays" if len(paths) == 1 else "stay"
        where = f"{listed(paths)}; {100 * sizes[name] / total:.0f} % of the parameters"
        sentences.append(f"{len(paths)} {name} {stay} dense ({where}): only {replaced} layers are replaced")
    return sentences


def _is_norm(module: nn.Module) -> bool:
    return type(module).__name__.endswith(NORMS)
