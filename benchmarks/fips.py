"""FiPS against other compression methods for feed-forward layers: quality at equal bytes, time, bytes and memory.

Every method gets the same fraction of the bytes of the same layers, including masks, and the same calibration inputs, which are not
used for evaluation. Fitted variants are fitted on these inputs only, with the same number of steps and three seeds. Models:
vit_fashion (quality: accuracy on the whole test part); minilm, a pretrained sentence encoder (quality: rank correlation with
WordNet, see minilm.py); or, with --model, --checkpoint and --imagenet, your own weights and images.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

from fips_networks import Network, network
from fips_times import speed, waiting, whole_deit
from measure import RESULTS, write
from pool import shared_out
from torch import nn

from labkit import compress
from labkit.compress.mlps import find_mlps
from labkit.cost import bytes_by_kind

BUDGETS = (0.1, 0.25, 0.4, 0.5, 0.75)
SEEDS = 3
TIMES = ("speed", "waiting", "memory")


@dataclass(frozen=True)
class Job:
    """One compressed model of the grid."""

    network: str
    method: str
    budget: float
    seed: int

    @property
    def facts(self) -> dict:
        """The first columns of its row, without the paths of your own weights and images."""
        return {"what": "quality", **asdict(self), "network": self.network.partition("|")[0]}


def low_rank(place: Network, budget: float, seed: int, *, aware: bool = False) -> nn.Module:
    """Truncated SVD of every matrix."""
    x = place.inputs(seed) if aware else None
    return compress.low_rank(place.model, budget=budget, layers="mlp", unit="bytes", calibration=x)


def magnitude(place: Network, budget: float, seed: int) -> nn.Module:
    """Unstructured magnitude pruning."""
    return compress.magnitude(place.model, budget=budget, layers="mlp", unit="bytes")


def shared(place: Network, budget: float, seed: int, *, sparsity: float, aware: bool = True, fitted: bool = False) -> nn.Module:
    """FiPS: blocks share a basis; factors may be sparse."""
    x, steps = (place.inputs(seed) if aware else None), (place.steps if fitted else 0)
    return compress.fips(place.model, budget=budget, budget_kind="bytes", sparsity=sparsity, calibration=x, steps=steps, seed=seed)


COMPETITORS: dict[str, Callable[[Network, float, int], nn.Module]] = {
    "low rank": low_rank,
    "low rank, activation-aware": partial(low_rank, aware=True),
    "magnitude": magnitude,
    "shared basis": partial(shared, sparsity=0.0, aware=False),
    "shared basis, activation-aware": partial(shared, sparsity=0.0),
    "fips 50 %": partial(shared, sparsity=0.5, aware=False),
    "fips 75 %": partial(shared, sparsity=0.75, aware=False),
    "fips 50 %, activation-aware": partial(shared, sparsity=0.5),
    "fips 75 %, activation-aware": partial(shared, sparsity=0.75),
    "shared basis, fitted": partial(shared, sparsity=0.0, fitted=True),
    "fips 50 %, fitted": partial(shared, sparsity=0.5, fitted=True),
    "fips 75 %, fitted": partial(shared, sparsity=0.75, fitted=True),
}


def grid(names: list[str]) -> list[Job]:
    """All jobs: closed forms of all models first, then fitted variants, with small budgets and first seeds first."""
    jobs = [
        Job(name, method, budget, seed)
        for name in names
        for budget in BUDGETS
        for method in COMPETITORS
        for seed in range(_seeds(method))
    ]
    return sorted(jobs, key=lambda job: ("fitted" in job.method, names.index(job.network), job.budget > 0.4, job.seed))


def _seeds(method: str) -> int:
    return SEEDS if "fitted" in method else 1


def compressed(job: Job) -> dict:
    """Compress and evaluate one model."""
    place = network(job.network)
    began = time.perf_counter()
    try:
        small = COMPETITORS[job.method](place, job.budget, job.seed)
    except ValueError as error:  # the budget is smaller than the mask
        return {**job.facts, "refused": str(error)}
    facts = {"seconds": round(time.perf_counter() - began, 2), "bytes_share": bytes_share(small, place.model)}
    told = getattr(small, "fips", {})
    facts |= {name: told[name] for name in ("closed_form", "fitted_blocks") if name in told}
    return {**job.facts, **place.measure(small), **facts}


def bytes_share(small: nn.Module, model: nn.Module) -> float:
    """Fraction of the bytes of the feed-forward layers that remain, without biases; a shared base counts once."""
    paths = [path for mlp in find_mlps(model) for path in mlp.paths]
    held = []
    for each in (small, model):
        parts = nn.ModuleList([each.get_submodule(path) for path in paths])
        biases = sum(p.nbytes for name, p in parts.named_parameters() if name.endswith("bias"))
        held.append(sum(bytes_by_kind(parts).values()) - biases)
    return round(held[0] / held[1], 4)


def times() -> Iterator[dict]:
    """Rows on inference time, compression time and memory."""
    yield from ({"what": "speed", "network": "4 blocks of DeiT-B", "budget": 0.25, "seed": 0, **row} for row in speed())
    yield from ({"what": "waiting", "network": "vit_fashion", "budget": 0.25, "seed": 0, **row} for row in waiting())
    yield {"what": "memory", "network": "DeiT-B", "budget": 0.25, "seed": 0, **whole_deit()}


def place_of(row: dict) -> tuple:
    """Key of a row."""
    return tuple(row[name] for name in ("what", "network", "method", "budget", "seed"))


def names_of(given: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    """Names of the models requested on the command line."""
    own = (given.model, given.checkpoint, given.imagenet)
    if not any(own):
        return given.network or ["vit_fashion", "minilm"]
    if not all(own) or not given.model.startswith("timm:"):
        parser.error("--model timm:NAME, --checkpoint FILE and --imagenet FOLDER go together")
    return ["|".join(own)]


def main() -> None:
    """Measure what is missing and write results/fips.json, or fips_own.json for your own model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--processes", type=int, default=2, help="number of processes, with one thread each")
    parser.add_argument("--network", action="append", choices=("vit_fashion", "minilm"), help="default: both")
    parser.add_argument("--model", metavar="timm:NAME")
    parser.add_argument("--checkpoint", metavar="FILE", help="weights of --model")
    parser.add_argument("--imagenet", metavar="FOLDER", help="contains train and val, with one folder per class")
    parser.add_argument("--speed", action="store_true", help="measure only time and memory, replacing earlier rows")
    given = parser.parse_args()
    until, names = time.monotonic() + 60 * given.budget, names_of(given, parser)
    file = "fips_own" if given.model else "fips"
    path = RESULTS / f"{file}.json"
    rows = {place_of(row): row for row in (json.loads(path.read_text())["rows"] if path.is_file() else [])}
    waiting = [] if given.speed else [job for job in grid(names) if place_of(job.facts) not in rows]
    if given.speed or not (given.model or any(row["what"] in TIMES for row in rows.values())):
        for row in times():
            rows[place_of(row)] = row
            print(row, flush=True)
    for _, row in shared_out(waiting, compressed, given.processes, until):
        rows[place_of(row)] = row
        print(row, flush=True)
        write(file, list(rows.values()), missing(names, rows), quiet=True)
    write(file, list(rows.values()), missing(names, rows))


def missing(names: list[str], rows: dict[tuple, dict]) -> list[str]:
    """Jobs of the grid without a row."""
    left = [job.facts for job in grid(names) if place_of(job.facts) not in rows]
    return ["{network}: {method} at {budget}, seed {seed}".format(**facts) for facts in left]


if __name__ == "__main__":
    main()
