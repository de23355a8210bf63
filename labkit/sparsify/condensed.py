"""Condensed storage: values, gradients and moments of the connections alone, [N, K]."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from labkit.layers import FixedFanInLinear
from labkit.sparsify.fixed_fan_in import PART, Connections
from labkit.sparsify.masked import moments, shared


class CondensedLayer:
    """A `FixedFanInLinear` whose connections change.

    Attributes
    ----------
    name : str
        Of the weight that it replaces.
    layer : FixedFanInLinear
    active : bool Tensor [N]
        Neurons that are not ablated.
    nonzeros, ablates
        As in `MaskedLayer`.
    """

    def __init__(self, name: str, dense: nn.Linear, mask: Tensor, nonzeros: int, ablates: bool) -> None:
        self.name, self.nonzeros, self.ablates = name, nonzeros, ablates
        index = mask.to(torch.uint8).topk(int(mask.sum(1).max()), dim=1, sorted=False).indices.sort(dim=1).values
        self.layer = FixedFanInLinear(dense.in_features, dense.weight.detach().gather(1, index), index)
        self.layer.bias = dense.bias  # the same parameter, because an optimizer may hold it
        self.layer.train(dense.training)
        self._replaced = weakref.ref(dense.weight)  # only an optimizer may still hold it
        self.active = torch.ones(len(index), dtype=torch.bool, device=index.device)
        self.collects = False
        self.passes: list[tuple[Tensor, Tensor]] = []
        self.explored = None
        self._hooks = [self.layer.register_forward_hook(self._passed)]
        self._held: nn.Parameter | None = None
        self._watch: Any = None
        self._hold()

    @property
    def weight(self) -> nn.Parameter:
        """Values [N, K], the parameter that is trained."""
        return self.layer.weight

    @property
    def rows(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self.layer.out_features, self.layer.in_features

    @property
    def mask(self) -> Tensor:
        """Mask, bool [N, D]; built on every access."""
        empty = torch.zeros(self.rows, dtype=torch.bool, device=self.weight.device)
        return empty.scatter_(1, self.layer.index.to(torch.int64), True) & self.active[:, None]

    def _hold(self) -> None:
        """Mask the gradient of the layer's present parameter."""
        self._held = self.layer.weight
        self._watch = self._held.register_hook(lambda gradient: gradient if self.active.all() else gradient * self.active[:, None])

    def _passed(self, layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        """Before an update, keep the factors of the dense gradient: inputs, and the gradient of the outputs."""
        if self.collects and output.requires_grad:
            x = arguments[0].detach()
            output.register_hook(lambda gradient: self.passes.append((x, gradient.detach())))

    def _gradient(self, first: int, last: int) -> Tensor:
        """Rows first … last of the dense gradient, [last - first, D]."""
        total = self.weight.new_zeros(last - first, self.layer.in_features)
        for x, gradient in self.passes:
            flat = gradient.reshape(-1, gradient.shape[-1])[:, first:last]
            total.addmm_(flat.t().to(total.dtype), x.reshape(-1, x.shape[-1]).to(total.dtype))
        return shared(total)

    @torch.no_grad()
    def change(self, rule: Any, generator: torch.Generator, share: float, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Update the connections by the rule; new ones and their moments start at zero."""
        before, was_active = self.layer.index.to(torch.int64), self.active
        present = Connections(self.weight.detach(), before, was_active, self.layer.in_features, self._gradient)
        index, self.active = rule.change(present, self.nonzeros, share, ablates=self.ablates)
        self.passes.clear()
        stays = was_active & self.active
        kept = {name: _moved(value, before, index, stays) for name, value in moments(optimizer, self.weight).items()}
        self.layer.set_connections(_moved(self.weight.detach(), before, index, stays), index)
        self._take_over(optimizer)
        optimizer.state.get(self.weight, {}).update(kept)

    def _take_over(self, optimizer: torch.optim.Optimizer | None) -> None:
        """Give the optimizer the layer's new parameter in place of the old one."""
        held, now = self._held, self.weight
        if held is now:
            return
        if optimizer is not None and held is not None:
            exchange(optimizer, held, now)
        self._hold()

    @torch.no_grad()
    def clear(self, optimizer: torch.optim.Optimizer | None) -> None:
        """Zero the rows of ablated neurons."""
        if not self.active.all():
            for value in (self.weight, *moments(optimizer, self.weight).values()):
                value.mul_(self.active[:, None])

    def held_by(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the optimizer trains this layer; one built before the layer was replaced receives the new parameter."""
        old = self._replaced()
        if old is not None:
            exchange(optimizer, old, self.weight)
        return any(self.weight is parameter for group in optimizer.param_groups for parameter in group["params"])

    def detach(self) -> None:
        """Remove the hooks."""
        for hook in (*self._hooks, self._watch):
            hook.remove()

    def state(self) -> dict[str, Any]:
        """Return what a bit-exact continuation needs beside values and index."""
        return {"active": self.active, "passes": list(self.passes)}

    def load(self, state: dict[str, Any], optimizer: torch.optim.Optimizer | None) -> None:
        """Restore what `state` returned; values and index come with the model."""
        device = self.weight.device
        self.active = state["active"].to(device)
        self.passes = [(x.to(device), gradient.to(device)) for x, gradient in state["passes"]]
        self._take_over(optimizer)
        self.clear(optimizer)


def exchange(optimizer: torch.optim.Optimizer, old: Tensor, new: nn.Parameter) -> None:
    """Replace `old` by `new` in the optimizer's groups and state, if it holds `old`."""
    for group in optimizer.param_groups:
        group["params"] = [new if parameter is old else parameter for parameter in group["params"]]
    if old in optimizer.state:
        optimizer.state[new] = optimizer.state.pop(old)


def _moved(values: Tensor, before: Tensor, after: Tensor, stays: Tensor) -> Tensor:
    """Move [N, K] from columns `before` to columns `after` [N, K']: zero for new connections and in rows that are not kept."""
    width = int(max(before.max(), after.max())) + 1
    step, parts = max(1, PART // width), []
    for first in range(0, len(values), step):
        rows = slice(first, first + step)
        dense = values.new_zeros(len(values[rows]), width).scatter_(1, before[rows], values[rows])
        parts.append(dense.gather(1, after[rows]) * stays[rows, None])
    return torch.cat(parts)
