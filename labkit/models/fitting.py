"""The names of a checkpoint brought to those of a network: prefixes, wrappers, counters and tied tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module")  # torch.compile, FSDP, DataParallel
COUNTER = "num_batches_tracked"  # of BatchNorm; only its momentum=None reads it
UNUSED = ("n_averaged",)  # of torch's AveragedModel
NORMALISATION = ("mean", "std")


@dataclass(frozen=True)
class Fit:
    """Tensors under the names of a network, what was done to get there, and which names do not fit."""

    tensors: dict[str, torch.Tensor]
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def wrong(self) -> int:
        """Number of names that do not fit."""
        return len(self.missing) + len(self.extra)


def fit_names(state: dict[str, torch.Tensor], model: nn.Module) -> Fit:
    """Rename the tensors of a checkpoint as a network has them.

    A prefix is taken off only where all names match without it.

    Parameters
    ----------
    state : dict of str to Tensor
    model : nn.Module

    Returns
    -------
    Fit
        Without missing and extra names where it fits; else the attempt with the fewest of them.
    """
    target = _Target(model)
    best = target.fit(state, "", "")
    for cleaned, word in _unwrapped(state, target.own):
        for prefix in ("", *_prefixes(cleaned)):
            for place in ("", *target.inner):
                if best.wrong == 0:
                    return best
                found = target.fit(cleaned, prefix, place, word)
                best = found if found.wrong < best.wrong else best
    return best


def _unwrapped(state: dict[str, torch.Tensor], own: Iterable[str]) -> list[tuple[dict[str, torch.Tensor], str]]:
    """Return the state dict as it is, and without the path segments that wrappers of torch put into names."""
    segments = {part for name in own for part in name.split(".")}
    there = [word for word in WRAPPERS if word not in segments and any(word in name.split(".") for name in state)]
    cleaned = {".".join(part for part in name.split(".") if part not in there): tensor for name, tensor in state.items()}
    plain = [(state, "")]
    if not there or len(cleaned) != len(state):
        return plain
    return [*plain, (cleaned, " and ".join(f"{word + '.'!r}" for word in there))]


def _prefixes(state: dict[str, torch.Tensor]) -> list[str]:
    """Return what at least half of the names begin with, shortest first."""
    counts: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        counts.update(".".join(parts[:depth]) + "." for depth in range(1, min(len(parts), 4)))
    return sorted((prefix for prefix, count in counts.items() if 2 * count >= len(state)), key=len)


class _Target:
    """The names of a network: which tensors are one, which are buffers, and where it wraps another network."""

    def __init__(self, model: nn.Module) -> None:
        self.own = model.state_dict(keep_vars=True)
        self.buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
        self.inner = [
            f"{child}."
            for child, module in model.named_children()
            if module.state_dict() and all(name in self.buffers for name in self.own if not name.startswith(f"{child}."))
        ]
        self.same: dict[tuple, list[str]] = {}
        for name, tensor in self.own.items():
            if isinstance(tensor, torch.Tensor) and tensor.numel() and not tensor.is_meta:
                self.same.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), []).append(name)

    def fit(self, state: dict[str, torch.Tensor], prefix: str, place: str, unwrapped: str = "") -> Fit:
        """Take `prefix` off the names in the file and put `place` before them."""
        inside = {place + name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        outside = {name: tensor for name, tensor in state.items() if not name.startswith(prefix)}
        inside |= self._normalisation(outside)
        missing = [name for name in self.own if name not in inside]
        extra = [name for name in inside if name not in self.own and not self._recomputed(name)]
        counters = [name for name in missing if name.endswith(COUNTER)]
        built = [name for name in missing if place and not name.startswith(place) and name in self.buffers]
        tied = self._tied(missing, inside)
        missing = [name for name in missing if name not in counters and name not in tied and name not in built]
        taken = {name: tensor for name, tensor in inside.items() if name in self.own}
        stripped = " and ".join(word for word in (unwrapped, f"{prefix!r}" if prefix else "") if word)
        notes = [f"prefix {stripped} taken off"] * bool(stripped)
        notes += [f"{len(counters)} counters of batch norm missing"] * bool(counters)
        notes += [f"{len(tied)} names that share a tensor missing"] * bool(tied)
        return Fit(taken, tuple(notes), tuple(sorted(missing)), tuple(sorted([*extra, *outside])))

    def _normalisation(self, outside: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take mean and standard deviation of a file's wrapper out of `outside`, under this network's names."""
        found = {}
        for name, tensor in list(outside.items()):
            leaf = name.rpartition(".")[2].strip("_")
            own = [known for known in self.buffers if known in self.own and known.rpartition(".")[2].strip("_") == leaf]
            if leaf in NORMALISATION and len(own) == 1 and self.own[own[0]].numel() == tensor.numel():
                found[own[0]] = outside.pop(name).reshape(self.own[own[0]].shape)
            elif leaf == COUNTER or name in UNUSED:
                outside.pop(name)
        return found

    def _recomputed(self, name: str) -> bool:
        """Whether a name that the network does not store is computed when it is built, or counts batches."""
        return name.endswith(COUNTER) or name in UNUSED or name in self.buffers

    def _tied(self, missing: list[str], there: dict[str, torch.Tensor]) -> list[str]:
        return [
            name
            for names in self.same.values()
            if len(names) > 1
            for name in names
            if name in missing and any(n in there for n in names)
        ]

    def torn(self, tensors: dict[str, torch.Tensor]) -> tuple[str, str] | None:
        """Return two names that are one tensor here and differ in the file."""
        for names in self.same.values():
            there = [name for name in names if name in tensors]
            for name in there[1:]:
                if tensors[name].shape == tensors[there[0]].shape and not torch.equal(tensors[name], tensors[there[0]]):
                    return there[0], name
        return None


def torn(tensors: dict[str, torch.Tensor], model: nn.Module) -> tuple[str, str] | None:
    """Return two names that share a tensor in a network and differ in a file.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Under the network's names.
    model : nn.Module

    Returns
    -------
    tuple of str, or None
    """
    return _Target(model).torn(tensors)
