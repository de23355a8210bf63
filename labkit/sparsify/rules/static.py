"""Static sparse training: connections drawn at random before training, and kept."""

from __future__ import annotations

from torch import Tensor

from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.update_rule import UpdateRule, View


class Static(UpdateRule):
    """Random connections that stay."""

    def update(self, view: View) -> Tensor:
        return view.mask


register_rule(
    Rule(
        name="static",
        title="Static sparse training",
        paper="Mocanu et al., A topological insight into restricted Boltzmann machines, 2016",
        make=Static,
        watch="There is one picture only: static connections stay.",
    )
)
