"""SRigL: RigL with a fixed fan-in, in which neurons may be ablated, i.e. lose all their connections."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.registry import Param
from labkit.sparsify.fixed_fan_in import Connections, rewired
from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.selection import largest_of_rows
from labkit.sparsify.update_rule import UpdateRule, View


class SRigL(UpdateRule):
    """Structured RigL.

    Parameters
    ----------
    gamma_sal : float, optional
        A neuron with fewer salient connections than this fraction of the fan-in is ablated; values from 1 on are a number of
        connections. The paper uses 0.3 for convolutional networks and 0.95 for vision transformers. None keeps every neuron.

    Raises
    ------
    ValueError
        When `gamma_sal` is negative.
    """

    needs_gradient = fixed_fan_in = True

    def __init__(self, gamma_sal: float | None = 0.3) -> None:
        if gamma_sal is not None and not gamma_sal >= 0:
            raise ValueError(f"gamma_sal must not be negative, got {gamma_sal}; the paper uses 0.3 for CNNs and 0.95 for ViTs")
        self.gamma_sal, self.ablates = gamma_sal, gamma_sal is not None

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest_of_rows(score, view.nonzeros // view.mask.shape[0])

    def update(self, view: View) -> Tensor:
        gradient = view.slope()
        counts = view.mask.sum(1)
        index = view.mask.to(torch.uint8).topk(int(counts.max()), dim=1, sorted=False).indices
        layer = Connections(view.weight.gather(1, index), index, counts > 0, view.mask.shape[1], lambda a, b: gradient[a:b])
        new, active = self.change(layer, view.nonzeros, view.share, ablates=view.ablates)
        return torch.zeros_like(view.mask).scatter_(1, new, True) & active[:, None]

    def change(self, layer: Connections, nonzeros: int, share: float, *, ablates: bool) -> tuple[Tensor, Tensor]:
        """Update a layer of condensed storage, which has no dense weight or mask.

        Parameters
        ----------
        layer : Connections
        nonzeros, share, ablates
            As in `View`.

        Returns
        -------
        index : int64 Tensor [N, K']
        active : bool Tensor [N]
        """
        return rewired(layer, nonzeros=nonzeros, share=share, gamma_sal=self.gamma_sal if ablates else None)


register_rule(
    Rule(
        name="srigl",
        title="SRigL (fixed fan-in, neuron ablation)",
        paper="Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024",
        make=SRigL,
        params={
            # the slider ends below 1, from where on it is a number of connections
            "gamma_sal": Param(
                0.0, 0.99, default=0.3, help="a neuron with fewer salient connections than this fraction of its fan-in is ablated"
            )
        },
        watch="SRigL gives every active neuron the same number of connections, where the gradient is largest.",
    )
)
