"""Notes of a cost: what the count of multiply-accumulates may lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

from labkit.cost.counting import Counts

# hold parameters for the module that contains them
CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.utils.parametrize.ParametrizationList)
# their weights are looked up or applied elementwise
NEVER_MULTIPLY = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU)
SHOWN = 4


def count_notes(model: nn.Module, counts: Counts) -> tuple[str, ...]:
    """Return what a count may lack, one sentence a kind.

    Said are operators without a formula, layers with weights that ran without a count, and layers that did not run.

    Parameters
    ----------
    model : nn.Module
    counts : Counts

    Returns
    -------
    tuple of str
    """
    notes = []
    if counts.uncounted:
        names = _some(name.replace("::", ".") for name in counts.uncounted)
        notes.append(f"multiply-adds of these operators are not counted: {names}")
    idle: list[str] = []
    uncounted: list[str] = []
    for name, layer in _suspects(model, counts):
        (uncounted if name in counts.ran else idle).append(f"{name or 'the network'} ({type(layer).__name__})")
    if uncounted:
        notes.append(f"layers with weights for which no multiply-adds were counted: {_some(uncounted)}")
    if idle:
        notes.append(f"layers with weights that did not run on the example, and count no multiply-adds: {_some(idle)}")
    return tuple(notes)


def _suspects(model: nn.Module, counts: Counts) -> Iterator[tuple[str, nn.Module]]:
    modules = dict(model.named_modules())
    for name, layer in modules.items():
        if isinstance(layer, (*CONTAINERS, *NEVER_MULTIPLY)) or not _has_matrix(layer) or counts.macs.get(name):
            continue
        if _inside_a_parametrization(name) or any(not isinstance(child, CONTAINERS) for child in layer.children()):
            continue  # of modules with submodules, parameters of their own are mostly added, e.g. positions
        if name and counts.own.get(_owner(name, modules)):
            continue  # its weight is read by the module that contains it
        yield name, layer


def _has_matrix(layer: nn.Module) -> bool:
    """Whether a module, or the parametrizations and lists that it owns, hold a parameter with two axes longer than 1."""
    own = list(layer._parameters.values())
    for child in layer.children():
        if isinstance(child, CONTAINERS):
            own += list(child.parameters())
    return any(p is not None and sum(size > 1 for size in p.shape) > 1 for p in own)


def _owner(name: str, modules: dict[str, nn.Module]) -> str:
    parent = name.rpartition(".")[0]
    while parent and isinstance(modules[parent], CONTAINERS):
        parent = parent.rpartition(".")[0]
    return parent


def _inside_a_parametrization(name: str) -> bool:
    return "parametrizations" in name.split(".")


def _some(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
