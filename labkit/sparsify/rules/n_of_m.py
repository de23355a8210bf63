"""N:M sparsity: N connections in every group of M neighbouring inputs, e.g. 2:4, for which GPUs have fast kernels."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from labkit.registry import Param
from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.rules.srigl_no_ablation import SRigLNoAblation
from labkit.sparsify.selection import largest_of_rows
from labkit.sparsify.update_rule import UpdateRule, View


class NOfM(UpdateRule):
    """N connections in every group of M inputs, updated by magnitude and gradient within their group.

    Parameters
    ----------
    n, m : int
        1 <= n < m.

    Raises
    ------
    ValueError
        When n is out of range.
    """

    needs_gradient = fixed_fan_in = True

    def __init__(self, n: int, m: int) -> None:
        _check(n, m)
        self.n, self.m = n, m
        self._within = SRigLNoAblation()

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest_of_rows(score.reshape(self._grouped(view).mask.shape), self.n).view_as(view.mask)

    def update(self, view: View) -> Tensor:
        return self._within.update(self._grouped(view)).view_as(view.mask)

    def _grouped(self, view: View) -> View:
        """The layer with one row per group."""
        inputs = view.mask.shape[1]
        if inputs % self.m:
            raise ValueError(f"a layer with {inputs} inputs has no whole groups of {self.m}; exclude it or choose another m")
        mask = view.mask.reshape(-1, self.m)
        gradient = None if view.gradient is None else view.gradient.reshape(-1, self.m)
        return replace(view, weight=view.weight.reshape(-1, self.m), gradient=gradient, mask=mask, nonzeros=len(mask) * self.n)


def _check(n: int, m: int) -> None:
    if not 1 <= n < m:
        raise ValueError(f"n must lie between 1 and m - 1, got n={n} and m={m}; 2:4 keeps two of four inputs")


def _sparsity(n: int, m: int) -> float:
    _check(n, m)
    return 1 - n / m


register_rule(
    Rule(
        name="n_of_m",
        title="N:M sparsity",
        paper="Mishra et al., Accelerating sparse deep neural networks, 2021 (the pattern), updated as RigL",
        make=NOfM,
        params={
            "n": Param(1, 16, default=2, step=1, help="connections in each group"),
            "m": Param(2, 32, default=4, step=1, help="neighbouring inputs of a group"),
        },
        # every layer has the same pattern, whatever a distribution or a fan-in would ask for
        leaves_out=("sparsity", "distribution", "dense", "fan_in"),
        implied_sparsity=_sparsity,
        watch="Every group of neighbouring inputs keeps the same number of connections.",
    )
)
