"""Drop by magnitude and grow where the gradient is large, but only among some random candidates: a rule in one file."""

import torch

from labkit.registry import Param
from labkit.sparsify import Rule, UpdateRule, register_rule
from labkit.sparsify.selection import largest


class Candidates(UpdateRule):
    """RigL, with random candidates for growth."""

    needs_gradient = True

    def __init__(self, candidates):
        self.candidates = candidates

    def update(self, view):
        """Return the next mask, bool [N, D]."""
        count = int(view.mask.sum())
        moved = int(view.share * count)
        kept = largest(view.weight.abs().masked_fill(~view.mask, -1.0), count - moved)
        drawn = torch.rand(view.mask.shape, generator=view.generator).to(view.mask.device) < self.candidates
        score = view.slope().abs() + drawn * view.slope().abs().max()  # candidates come first
        return kept | largest(score.masked_fill(kept, -1.0), moved)


register_rule(
    Rule(
        name="candidates",
        title="RigL with random candidates",
        make=Candidates,
        params={"candidates": Param(0.01, 1.0, default=0.2, help="fraction of the places that may grow")},
    )
)
