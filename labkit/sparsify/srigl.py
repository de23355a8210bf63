"""SRigL: RigL with as many links for every neuron, in which neurons may lose all of theirs."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.sparsify.constant_fan_in import Links, rewired
from labkit.sparsify.fan_in import largest_of_rows
from labkit.sparsify.rules import View


class SRigL:
    """Structured RigL.

    Parameters
    ----------
    gamma_sal : float, optional
        A neuron with fewer salient links than this share of the fan-in is ablated; from 1 on, than this number of links. The paper
        takes 0.3 for convolutional networks and 0.95 for vision transformers. None keeps every neuron.
    """

    name, title = "srigl", "SRigL (constant fan-in, neuron ablation)"
    paper = "Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024"
    needs_gradient, starts_dense, by_row = True, False, True

    def __init__(self, gamma_sal: float | None = 0.3) -> None:
        if gamma_sal is not None and not gamma_sal >= 0:
            raise ValueError(f"gamma_sal must not be negative, got {gamma_sal}; the paper takes 0.3 for CNNs and 0.95 for ViTs")
        self.gamma_sal = gamma_sal

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest_of_rows(score, view.nonzeros // view.mask.shape[0])

    def update(self, view: View) -> Tensor:
        gradient = view.slope()
        counts = view.mask.sum(1)
        index = view.mask.to(torch.uint8).topk(int(counts.max()), dim=1, sorted=False).indices
        links = Links(view.weight.gather(1, index), index, counts > 0, view.mask.shape[1], lambda a, b: gradient[a:b])
        new, active = self.change(links, view.nonzeros, view.share, ablates=view.ablates)
        return torch.zeros_like(view.mask).scatter_(1, new, True) & active[:, None]

    def change(self, links: Links, nonzeros: int, share: float, *, ablates: bool) -> tuple[Tensor, Tensor]:
        """Return index [N, K'] and active [N] after one change of links, for layers that hold nothing but their links."""
        return rewired(links, nonzeros=nonzeros, share=share, gamma_sal=self.gamma_sal if ablates else None)


class SRigLNoAblation(SRigL):
    """Constant fan-in alone."""

    name, title = "srigl_no_ablation", "SRigL without ablation"

    def __init__(self) -> None:
        super().__init__(gamma_sal=None)
