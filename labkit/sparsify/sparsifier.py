"""`Sparsifier`: keeps a network sparse while any PyTorch loop trains it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from labkit.layers import add_notes
from labkit.layers.closed import closed_layers
from labkit.layers.sentences import stays_dense
from labkit.layers.ties import users_of_weights
from labkit.seeds import checked_seed
from labkit.sparsify.condensed import CondensedLayer
from labkit.sparsify.distribution import densities, nonzeros
from labkit.sparsify.initial import initialise
from labkit.sparsify.masked import MaskedLayer
from labkit.sparsify.schedule import Schedule
from labkit.sparsify.storage import check_condensed, in_condensed_form, keep_indices_local, processes
from labkit.sparsify.update_rule import UpdateRule
from labkit.sparsify.weights import check_trainable, eligible, left_out, matching
from labkit.words import shortly


class Sparsifier:
    """Sparse training of a network by masks on its weights.

    After ``optimizer.step()`` call `step`, which updates the connections by the schedule. Gradients are masked in the backward
    pass, so that weights and the optimizer's moments are zero where there is no connection.

    Parameters
    ----------
    model : nn.Module
        Its linear layers and convolutions become sparse, in place; biases and normalisation stay dense.
    rule : UpdateRule
        How connections change.
    sparsity : float in [0, 1)
        Fraction of zeros over all sparse layers together.
    schedule : Schedule
        When connections change.
    distribution : {"erk", "erdos_renyi", "uniform"}
    exclude : iterable of str
        Patterns of layer names that stay dense and do not count.
    dense : iterable of str
        Patterns of layer names that stay dense and count towards the sparsity: the others are made sparser.
    no_ablation : iterable of str
        Patterns of layer names whose neurons keep their connections; the last layer's always do.
    fan_in : int or mapping of pattern to int, optional
        Connections of every neuron, instead of by the sparsity.
    accumulate : int
        Backward passes before an update whose gradients are averaged.
    seed : int
    trained : bool
        Keep the present weights and begin with the largest; otherwise connections and weights are random.
    storage : {"masked", "condensed"}
        "masked" holds dense weights with zeros; "condensed" replaces linear layers by `FixedFanInLinear`, which hold values,
        gradients and moments of their connections alone. Only for rules with a fixed fan-in.

    Attributes
    ----------
    masks : dict of str to bool Tensor
        By parameter name, in the parameter's shape.
    notes : tuple of str
        Which layers stay dense because zeros would not make them sparse, and why; also attached to the model
        (`labkit.layers.notes_of`).

    Raises
    ------
    ValueError
        When no layer is eligible, a weight is frozen or computed by a parametrization, the sparsity leaves a layer without
        connections, or the rule cannot be stored condensed; the network is then as it was.
    """

    def __init__(
        self,
        model: nn.Module,
        rule: UpdateRule,
        *,
        sparsity: float,
        schedule: Schedule,
        distribution: str = "erk",
        exclude: Iterable[str] = (),
        dense: Iterable[str] = (),
        no_ablation: Iterable[str] = (),
        fan_in: int | Mapping[str, int] | None = None,
        accumulate: int = 1,
        seed: int = 0,
        trained: bool = False,
        storage: Literal["masked", "condensed"] = "masked",
    ) -> None:
        if storage not in ("masked", "condensed"):
            raise ValueError(f"storage must be 'masked' or 'condensed', got {shortly(storage)}")
        if storage == "condensed":
            check_condensed(rule)
        rule.start(schedule)
        self.rule, self.schedule, self.accumulate = rule, schedule, accumulate
        self.generator = torch.Generator().manual_seed(checked_seed(seed))
        self.step_count = 0
        self.optimizer: torch.optim.Optimizer | None = None
        found = eligible(model, exclude)
        check_trainable(model, found)
        counts = self._counts(found, sparsity, distribution, set(matching(found, dense)), fan_in)
        self.notes = tuple(stays_dense(left_out(model)))
        closed = set(closed_layers(model, (nn.Linear,))) | set(users_of_weights(model)) if storage == "condensed" else set()
        kept_whole = {list(found)[-1], *matching(found, no_ablation)}
        masked = self._begun(found, counts, kept_whole, trained)
        self.layers: dict[str, MaskedLayer | CondensedLayer] = {
            name: layer if storage == "masked" else in_condensed_form(model, layer, closed) for name, layer in masked.items()
        }
        if storage == "condensed" and processes() > 1:
            keep_indices_local(model)
        add_notes(model, *self.notes)
        self._collect()

    def _begun(
        self, found: Mapping[str, nn.Parameter], counts: Mapping[str, int], kept_whole: set[str], trained: bool
    ) -> dict[str, MaskedLayer]:
        """Mask every weight; where the rule refuses one, those before it get their values back."""
        before: list[tuple[MaskedLayer, Tensor]] = []
        try:
            for name, weight in found.items():
                layer = MaskedLayer(name, weight, counts[name], ablates=name not in kept_whole)
                before.append((layer, weight.detach().clone()))
                self._begin(layer, trained)
        except Exception:
            with torch.no_grad():
                for layer, values in before:
                    layer.weight.copy_(values)
                    layer.detach()
            raise
        return {layer.name: layer for layer, _ in before}

    def _begin(self, layer: MaskedLayer, trained: bool) -> None:
        """Choose the first connections and weights."""
        random = torch.rand(layer.rows, generator=self.generator).to(layer.weight.device)
        score = layer.weight.detach().reshape(layer.rows).abs() if trained else random
        mask = self.rule.initial(layer.view(self.generator, 1.0, 0), score)
        if not trained and not self.rule.starts_dense:
            initialise(layer.weight, mask.view_as(layer.weight), self.generator)
        layer.begin(mask)

    def _counts(
        self,
        found: Mapping[str, nn.Parameter],
        sparsity: float,
        distribution: str,
        dense: set[str],
        fan_in: int | Mapping[str, int] | None,
    ) -> dict[str, int]:
        """Connections of each layer."""
        shapes = {name: tuple(weight.shape) for name, weight in found.items()}
        counts = nonzeros(shapes, densities(shapes, sparsity, distribution, dense=dense))
        by_hand = {"*": fan_in} if isinstance(fan_in, int) else dict(fan_in or {})
        for pattern, count in by_hand.items():
            for name in matching(found, [pattern]):
                outputs, inputs = shapes[name][0], found[name][0].numel()
                if not 1 <= count <= inputs:
                    raise ValueError(f"fan_in of {name} must lie between 1 and its {inputs} inputs, got {count}")
                counts[name] = outputs * count
        for name, count in counts.items():
            neurons = shapes[name][0]
            if count < (neurons if self.rule.fixed_fan_in else 1):
                raise ValueError(
                    f"a sparsity of {sparsity} leaves {count} connections for the {neurons} neurons of {name}, less than one each; "
                    f"give a lower sparsity or another distribution, or leave the layer out"
                )
        return counts

    @property
    def masks(self) -> dict[str, Tensor]:
        """Parameter name -> bool mask of its shape."""
        return {name: layer.mask for name, layer in self.layers.items()}

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Bind to an optimizer: its moments follow the connections, and it receives the parameters of replaced layers.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer

        Raises
        ------
        ValueError
            When the optimizer does not hold a weight of a sparse layer.
        """
        for name, layer in self.layers.items():
            if not layer.held_by(optimizer):
                raise ValueError(f"the optimizer does not hold {name}; build it from the parameters of the sparse model")
            layer.clear(optimizer)
        self.optimizer = optimizer

    def step(self) -> bool:
        """Call after ``optimizer.step()``: update the connections where the schedule says so.

        Returns
        -------
        bool
            Whether connections have changed.

        Raises
        ------
        RuntimeError
            Before `attach`.
        """
        if self.optimizer is None:
            raise RuntimeError("call attach(optimizer) before step()")
        self.step_count += 1
        changes = self.schedule.updates_at(self.step_count)
        if changes:  # between two updates weights and moments without connection stay zero, because gradients are masked
            for layer in self.layers.values():
                layer.change(self.rule, self.generator, self.schedule.share(self.step_count), self.step_count, self.optimizer)
        self._collect()
        return changes

    def _collect(self) -> None:
        """Collect dense gradients in the backward passes before an update."""
        near = any(self.schedule.updates_at(self.step_count + ahead) for ahead in range(1, self.accumulate + 1))
        for layer in self.layers.values():
            layer.collects = near and self.rule.needs_gradient

    def detach(self) -> None:
        """Remove the hooks from the model: weights keep their zeros, gradients are no longer masked."""
        for layer in self.layers.values():
            layer.detach()

    @torch.no_grad()
    def apply_to(self, model: nn.Module) -> None:
        """Zero the unconnected weights of a copy of the model, e.g. of a moving average, which still holds old connections.

        Parameters
        ----------
        model : nn.Module
            Changed in place.

        Raises
        ------
        ValueError
            When the copy has no weight of a sparse layer's name and shape (a leading ``module.`` is ignored).
        """
        weights = {name.removeprefix("module."): parameter for name, parameter in model.named_parameters()}
        for name, mask in self.masks.items():
            if name not in weights or weights[name].shape != mask.shape:
                raise ValueError(f"the copy has no weight {name} of shape {tuple(mask.shape)}; give a copy of the sparse network")
        for name, mask in self.masks.items():
            weights[name].mul_(mask)

    def report(self) -> pd.DataFrame:
        """Return one row per layer.

        Returns
        -------
        DataFrame
            Indexed by parameter name, with the columns outputs, active (neurons with connections), fan_in (mean over the active
            neurons), nonzeros, sparsity, explored (fraction of entries that were ever connected; NaN in condensed storage).
        """
        rows = []
        for name, layer in self.layers.items():
            mask = layer.mask.reshape(layer.rows)
            counts = mask.sum(1)
            active, kept = int((counts > 0).sum()), int(counts.sum())
            facts = {"outputs": len(counts), "active": active, "fan_in": kept / max(1, active), "nonzeros": kept}
            explored = float("nan") if layer.explored is None else float(layer.explored.float().mean())
            rows.append({"layer": name, **facts, "sparsity": 1 - kept / mask.numel(), "explored": explored})
        return pd.DataFrame(rows).set_index("layer")

    def state_dict(self) -> dict[str, Any]:
        """Return what a bit-exact continuation needs beside the states of model and optimizer.

        Returns
        -------
        dict
        """
        layers = {name: layer.state() for name, layer in self.layers.items()}
        return {"step": self.step_count, "generator": self.generator.get_state(), "layers": layers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, after model and optimizer.

        Parameters
        ----------
        state : dict

        Raises
        ------
        ValueError
            When it belongs to another network.
        """
        if state["layers"].keys() != self.layers.keys():
            raise ValueError(f"the state is of the layers {', '.join(state['layers'])}, this network has {', '.join(self.layers)}")
        self.step_count = int(state["step"])
        self.generator.set_state(state["generator"])
        for name, kept in state["layers"].items():
            self.layers[name].load(kept, self.optimizer)
        self._collect()
