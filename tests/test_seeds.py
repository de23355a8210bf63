"""A seed is a whole number from 0 to 2**63 - 1, wherever it is given; anything else is one sentence."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit import audit, models, runs, sparsify, training
from labkit.compress import get_method
from labkit.compress.inputs import calibration_inputs
from labkit.data import Split, from_arrays
from labkit.runs import Store
from labkit.seeds import LARGEST_SEED, checked_seed

ROWS = Split(np.arange(40) % 2, ("a", "b"), x=np.eye(40, 3, dtype=np.float32))
TAKERS = {
    "grid": lambda seed: runs.jobs({"models": ["mlp_adult"], "methods": ["condense"], "seed": seed}),
    "method": lambda seed: get_method("quantize")(nn.Linear(3, 2), seed=seed),
    "audit": lambda seed: audit.audit(nn.Linear(3, 2), ROWS, cost=False, seed=seed),
    "load": lambda seed: models.load("mlp_adult", seed=seed),
    "train": lambda seed: models.train(models.get_recipe("mlp_adult"), seed=seed, epochs=1),
    "train_sparse": lambda seed: models.train_sparse(models.get_recipe("mlp_adult"), "set", seed=seed, epochs=1),
    "train_run": lambda seed: runs.train_run("mlp_adult", "set", Store("nowhere"), seed=seed, epochs=1),
    "make_sparse": lambda seed: sparsify.make_sparse(nn.Sequential(nn.Linear(20, 9)), "set", total_steps=9, seed=seed),
    "batches": lambda seed: training.Batches(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64), 2, seed=seed),
    "calibration": lambda seed: calibration_inputs(ROWS, 4, seed),
    "data": lambda seed: from_arrays(np.eye(40, 3, dtype=np.float32), np.arange(40) % 2, seed=seed),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("seed", [-1, 2**63, True, 1.5, "3", [1], "x" * 10**6], ids=lambda seed: repr(seed)[:12])
def test_what_is_no_seed_is_refused(taker, seed):
    with pytest.raises(ValueError, match="whole number") as caught:
        TAKERS[taker](seed)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("seed", [0, LARGEST_SEED, np.int64(7), np.uint8(7)], ids=repr)
def test_what_is_one_is_taken(seed):
    assert type(checked_seed(seed)) is int
    for taker in ("method", "audit", "load", "make_sparse", "batches", "calibration", "data"):
        TAKERS[taker](seed)
