"""Several processes that each see a part of the batch choose the same connections as one that sees all."""

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
rule, storage = sys.argv[4:]
own = dict(gamma_sal=0.7) if rule == "srigl" else {}
settings = dict(sparsity=0.8, total_steps=60, update_every=5, distribution="uniform", storage=storage)
sparsifier = sparsify.make_sparse(model, rule, **settings, **own)
if rank == 0:
    torch.save(sparsifier.masks, f"{folder}/first-{size}")
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
torch.save(sparsifier.masks, f"{folder}/masks-{rank}-of-{size}")
torch.save([p.detach() for p in model.parameters()], f"{folder}/weights-{rank}-of-{size}")
"""


def started(folder, rank, size, rule, storage, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", PROGRAM, str(rank), str(size), str(folder), rule, storage]
    return subprocess.Popen(command, env=environment, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "storage"), [("srigl", "masked"), ("srigl_no_ablation", "masked"), ("srigl_no_ablation", "condensed")]
)
def test_two_processes_choose_as_one(tmp_path, rule, storage):
    for process in [started(tmp_path, *place, rule, storage) for place in ((0, 2), (1, 2), (0, 1))]:
        assert process.wait(timeout=300) == 0
    alone, first, second = (torch.load(tmp_path / f"masks-{name}") for name in ("0-of-1", "0-of-2", "1-of-2"))
    assert (alone["0.weight"].any(1).sum() < 40) == (rule == "srigl")  # neurons were ablated by the rule that ablates
    start = torch.load(tmp_path / "first-1")
    for name, mask in alone.items():
        assert not torch.equal(mask, start[name])
        assert torch.equal(mask, first[name])
        assert torch.equal(mask, second[name])
    weights = [torch.load(tmp_path / f"weights-{name}") for name in ("0-of-1", "0-of-2", "1-of-2")]
    for one, other, third in zip(*weights, strict=True):
        assert torch.equal(other, third)
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_condensed_storage_with_ablation_is_refused_in_a_sentence(tmp_path):
    pair = [started(tmp_path, rank, 2, "srigl", "condensed", stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    for process in pair:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "DistributedDataParallel cannot follow; use storage='masked' or a rule without ablation" in said
