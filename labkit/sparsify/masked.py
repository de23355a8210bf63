"""Masked storage: a dense weight with zeros, and a mask."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.sparsify.update_rule import UpdateRule, View


class MaskedLayer:
    """A weight [outputs, …] and its mask.

    Parameters
    ----------
    name : str
        Of the parameter.
    weight : nn.Parameter
    nonzeros : int
        Connections before rounding to whole rows.
    ablates : bool
        Whether neurons may lose all connections.
    """

    def __init__(self, name: str, weight: nn.Parameter, nonzeros: int, ablates: bool) -> None:
        self.name, self.weight, self.nonzeros, self.ablates = name, weight, nonzeros, ablates
        self.mask = self.explored = torch.ones_like(weight, dtype=torch.bool)
        self.gradient: Tensor | None = None
        self.collects = False
        self._hook: Any = None

    @property
    def rows(self) -> tuple[int, int]:
        """Outputs and inputs, the kernel of a convolution among the inputs."""
        return self.weight.shape[0], self.weight[0].numel()

    def begin(self, mask: Tensor) -> None:
        """Set the first mask [N, D] and mask the weight."""
        self.mask = mask.view_as(self.weight)
        self.explored = self.mask.clone()
        with torch.no_grad():
            self.weight.mul_(self.mask)
        self._hook = self.weight.register_hook(self._received)

    def view(self, generator: torch.Generator, share: float, step: int) -> View:
        """The layer as a rule sees it."""
        return View(
            weight=self.weight.detach().reshape(self.rows),
            gradient=None if self.gradient is None else self.gradient.reshape(self.rows),
            mask=self.mask.reshape(self.rows),
            nonzeros=self.nonzeros,
            share=share,
            step=step,
            ablates=self.ablates,
            generator=generator,
        )

    @torch.no_grad()
    def change(
        self, rule: UpdateRule, generator: torch.Generator, share: float, step: int, optimizer: torch.optim.Optimizer
    ) -> None:
        """Update the connections by the rule; new ones start at zero."""
        if rule.needs_gradient:
            self.gradient = shared(torch.zeros_like(self.weight) if self.gradient is None else self.gradient)
        self.take(rule.update(self.view(generator, share, step)).view_as(self.weight), optimizer)

    @torch.no_grad()
    def take(self, mask: Tensor, optimizer: torch.optim.Optimizer | None) -> None:
        """Set the mask; new connections start at zero, without moments."""
        self.weight.masked_fill_(mask & ~self.mask, 0.0)
        self.mask = mask
        self.explored |= mask
        self.gradient = None
        self.clear(optimizer)

    @torch.no_grad()
    def clear(self, optimizer: torch.optim.Optimizer | None) -> None:
        """Zero unconnected weights, and their moments in the optimizer where one is given."""
        self.weight.mul_(self.mask)
        for value in moments(optimizer, self.weight).values():
            value.mul_(self.mask)

    def _received(self, gradient: Tensor) -> Tensor:
        """Hook of the backward pass: keep the dense gradient before an update, and return the masked one."""
        if self.collects:
            self.gradient = gradient.clone() if self.gradient is None else self.gradient.add_(gradient)
        return gradient * self.mask

    def held_by(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the optimizer trains this weight."""
        return any(self.weight is parameter for group in optimizer.param_groups for parameter in group["params"])

    def detach(self) -> None:
        """Remove the hook."""
        if self._hook is not None:
            self._hook.remove()

    def state(self) -> dict[str, Any]:
        """Return what a bit-exact continuation needs beside the weight."""
        return {"mask": self.mask, "explored": self.explored, "gradient": self.gradient}

    def load(self, state: dict[str, Any], optimizer: torch.optim.Optimizer | None) -> None:
        """Restore what `state` returned."""
        device = self.weight.device
        self.mask, self.explored = state["mask"].to(device), state["explored"].to(device)
        self.gradient = None if state["gradient"] is None else state["gradient"].to(device)
        self.clear(optimizer)


def moments(optimizer: torch.optim.Optimizer | None, weight: nn.Parameter) -> dict[str, Tensor]:
    """Return the tensors that an optimizer keeps per entry of a weight."""
    kept = {} if optimizer is None else optimizer.state.get(weight, {})
    return {name: value for name, value in kept.items() if isinstance(value, Tensor) and value.shape == weight.shape}


def shared(gradient: Tensor) -> Tensor:
    """Return the gradient summed over the processes of a group; entries that are not finite count as zero."""
    gradient = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(gradient)
    return gradient
