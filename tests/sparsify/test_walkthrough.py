"""The readable form of an SRigL update has the result of the one that trains."""

import pytest
import torch

from labkit.sparsify import View
from labkit.sparsify.rules.srigl import SRigL
from labkit.sparsify.walkthrough import example_layer, srigl_steps


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gamma_sal", [0, 0.3, 0.5, 0.75, 0.99])
def test_the_result_is_that_of_the_rule(gamma_sal, seed):
    weight, gradient, mask = example_layer(10, 16, 5, seed=seed)
    steps = srigl_steps(weight, gradient, mask, share=0.4, gamma_sal=gamma_sal)
    random = torch.Generator().manual_seed(0)
    layer = View(weight, gradient, mask, 50, share=0.4, step=25, ablates=True, generator=random)
    assert torch.equal(steps.grown, SRigL(gamma_sal).update(layer))


def test_the_steps_follow_from_one_another():
    weight, gradient, mask = example_layer()
    steps = srigl_steps(weight, gradient, mask, share=0.5, gamma_sal=0.75)
    assert int(steps.by_weight.sum()) == int(steps.by_gradient.sum()) == 12
    assert not (steps.by_weight & ~mask).any()
    assert not (steps.kept & ~(mask & steps.active[:, None])).any()
    assert not (steps.kept & ~steps.grown).any()
    assert set(steps.grown.sum(1).tolist()) <= {0, 24 // int(steps.active.sum())}
    assert 0 < int(steps.active.sum()) < 6  # the example shows an ablation
