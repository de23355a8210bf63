"""SRigL with every neuron kept: fixed fan-in alone."""

from __future__ import annotations

from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.rules.srigl import SRigL


class SRigLNoAblation(SRigL):
    """Structured RigL without neuron ablation."""

    def __init__(self) -> None:
        super().__init__(gamma_sal=None)


register_rule(
    Rule(
        name="srigl_no_ablation",
        title="SRigL without ablation",
        paper="Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024",
        make=SRigLNoAblation,
        watch="Every neuron has the same number of connections at any time, where the gradient is largest.",
    )
)
