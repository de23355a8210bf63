"""The readable form of an SRigL update has the result of the one that trains."""

import pytest
import torch

from labkit.sparsify import View
from labkit.sparsify.walkthrough import example_layer, srigl_steps


def rule(gamma_sal):
    try:
        from labkit.sparsify.rules.srigl import SRigL
    except ImportError:
        from labkit.sparsify.srigl import SRigL
    return SRigL(gamma_sal)
