"""Several processes that each see a part of the batch choose the same links as one that sees all."""

import os
import subprocess
import sys

import pytest
import torch

PROGRAM = """
import os, sys, torch
from torch import nn
from torch.nn import functional as F
from labkit import sparsify

rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if size > 1:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(30, 40), nn.ReLU(), nn.Linear(40, 4)).double()
settings = dict(sparsity=0.8, total_steps=60, update_every=5, gamma_sal=0.7, distribution="uniform", storage=sys.argv[4])
sparsifier = sparsify.srigl(model, **settings)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
sparsifier.attach(optimizer)
whole = model if size == 1 else nn.parallel.DistributedDataParallel(model)
for step in range(23):
    g = torch.Generator().manual_seed(step)
    x = torch.randn(16, 30, generator=g, dtype=torch.float64)
    y = x[:, :4].argmax(1)
    optimizer.zero_grad()
    F.cross_entropy(whole(x[rank::size]), y[rank::size]).backward()
    optimizer.step()
    sparsifier.step()
torch.save(sparsifier.masks, f"{folder}/masks-{sys.argv[4]}-{rank}-of-{size}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["masked"])
def test_two_processes_choose_as_one(tmp_path, storage):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}

    def started(rank, size):
        return subprocess.Popen([sys.executable, "-c", PROGRAM, str(rank), str(size), str(tmp_path), storage], env=environment)

    for process in [started(0, 2), started(1, 2), started(0, 1)]:
        assert process.wait(timeout=120) == 0
    alone, first, second = (torch.load(tmp_path / f"masks-{storage}-{name}") for name in ("0-of-1", "0-of-2", "1-of-2"))
    assert alone["0.weight"].any(1).sum() < 40  # neurons were ablated on the way
    for name, mask in alone.items():
        assert torch.equal(mask, first[name])
        assert torch.equal(mask, second[name])
