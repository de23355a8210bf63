"""Sparse training compared: accuracy and FLOPs by rule and sparsity.

Recipe: resnet_fashion's network and recipe for 3 epochs (ERK densities, its first convolution dense: it has 9 inputs), and
vit_fashion's for 1 epoch without augmentation (the same density in every layer, as the paper trains transformers; the first
convolution of the stem dense). Connections are updated every 25 steps until three quarters of the training, 30 % of them at first;
gamma_sal is 0.3 for the convolutional network and 0.95 for the transformer. Nothing is selected on the validation part, the last
weights count. Seeds are paired: the same batches in the same order. At 99 % the convolutional network has less than one connection
per neuron, so that no fixed fan-in exists; its highest sparsity is 98 %.

Every training is a run in --store and a row in results/dynamic_sparse_training.json; what is in either is not repeated, what was
interrupted resumes. --processes of one thread each run at once. --latency measures the condensed networks of the store, alone.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from measure import RESULTS, write
from pool import shared_out

from labkit import models, runs
from labkit.audit import Audit, over_seeds
from labkit.cost import latency as time_of

NAME = "dynamic_sparse_training"
ALL = ("static", "set", "rigl", "srigl", "srigl_no_ablation", "gmp")
CONTRAST = ("rigl", "srigl", "srigl_no_ablation")
SHIPPED = ("dense", "static", "rigl", "srigl", "gmp")
EVERY = 25
RECIPES: dict[str, dict[str, Any]] = {
    "resnet_fashion": {"epochs": 3, "distribution": "erk", "exclude": ["conv1"], "gamma_sal": 0.3, "ends": (0.9, 0.98)},
    "vit_fashion": {"epochs": 1, "distribution": "uniform", "exclude": ["patch_embed.1"], "gamma_sal": 0.95, "ends": (0.9, 0.99)},
}
KEY = ["network", "rule", "sparsity", "gamma_sal", "seed"]


@dataclass(frozen=True)
class Job:
    """One training."""

    network: str
    rule: str
    sparsity: float
    gamma_sal: float | None
    seed: int

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of `labkit.runs.train_run`."""
        recipe = RECIPES[self.network]
        settings = {"epochs": recipe["epochs"], "seed": self.seed}
        if self.rule != "dense":
            settings |= {"sparsity": self.sparsity, "update_every": EVERY}
            settings |= {"distribution": recipe["distribution"], "exclude": recipe["exclude"]}
        if self.gamma_sal is not None:
            settings["gamma_sal"] = self.gamma_sal
        return settings


def cell(network: str, rule: str, sparsity: float, seed: int, gamma_sal: float | None = None) -> Job:
    """A job with the gamma_sal of its network, for the rule that has one."""
    usual = RECIPES[network]["gamma_sal"] if rule == "srigl" else None
    return Job(network, rule, sparsity, usual if gamma_sal is None else gamma_sal, seed)


def grid() -> list[Job]:
    """Every training, the most informative first."""
    jobs = []
    for seed in range(3):
        for network, recipe in RECIPES.items():
            jobs.append(cell(network, "dense", 0.0, seed))
            jobs += [cell(network, rule, sparsity, seed) for sparsity in recipe["ends"] for rule in ALL]
            if network == "resnet_fashion":
                jobs += [cell(network, rule, sparsity, seed) for sparsity in (0.8, 0.95) for rule in CONTRAST]
        if seed == 1:
            jobs += [cell("vit_fashion", "srigl", 0.9, turn, gamma) for turn in range(2) for gamma in (0.3, 0.6, 0.8, 0.99)]
    for seed in (3, 4):
        for network, recipe in RECIPES.items():
            jobs.append(cell(network, "dense", 0.0, seed))
            jobs += [cell(network, rule, sparsity, seed) for sparsity in recipe["ends"] for rule in CONTRAST]
        jobs += [cell("resnet_fashion", rule, 0.95, seed) for rule in CONTRAST]
    return jobs


def train(job: Job, folder: str) -> dict[str, Any]:
    """Make a run, or find it; return its row."""
    store = runs.Store(folder)
    # weights of the first seed alone: for the latency of networks with a fixed fan-in
    keep = job.seed == 0 and job.rule.startswith("srigl")
    run = runs.train_run(job.network, job.rule, store, weights=keep, compact=True, progress=False, **job.settings)
    facts = store.table_of(run.id, "training")
    assert facts is not None
    told = facts.iloc[0]
    row = {**asdict(job), "run": run.id, "accuracy": run.summary["accuracy"], "epochs": job.settings["epochs"]}
    row |= {"training_gflops": told["training"] / 1e9, "dense_training_gflops": told["dense_training"] / 1e9}
    row |= {"inference_mflops": told["inference"] / 1e6, "dense_inference_mflops": told["dense_inference"] / 1e6}
    row["seconds"] = round(told["seconds"], 1)
    layers = store.table_of(run.id, "layers")
    if layers is not None:
        last = layers[layers["step"] == layers["step"].max()]
        sizes = last["nonzeros"].sum()
        row |= {"nonzeros": int(sizes), "active": int(last["active"].sum()), "explored": float(last["explored"].mean())}
        row |= {"fan_in_min": float(last["fan_in"].min()), "fan_in_max": float(last["fan_in"].max())}
        first = layers[layers["step"] == 0]
        row["neurons_at_first"] = int(first["active"].sum())
    return row


def known() -> list[dict[str, Any]]:
    """Rows of earlier calls."""
    path = RESULTS / f"{NAME}.json"
    return json.loads(path.read_text())["rows"] if path.is_file() else []


def key(row: dict[str, Any]) -> tuple:
    """The columns that identify a training."""
    return tuple(row[name] for name in KEY)


def work(folder: str, until: float, processes: int) -> None:
    """Train what is missing until the time budget is spent."""
    rows = {key(row): row for row in known()}
    waiting = [job for job in grid() if key(asdict(job)) not in rows]
    print(f"{len(rows)} trainings are known, {len(waiting)} are to be made", flush=True)
    left, began = dict.fromkeys(waiting), time.monotonic()
    for job, row in shared_out(waiting, partial(train, folder=folder), processes, until):
        del left[job]
        rows[key(row)] = row
        save(rows, list(left), quiet=True)
        spent = (time.monotonic() - began) / 60
        print(f"{spent:6.1f} min  {len(left):3} left  {job}  {row['accuracy']:.4f}", flush=True)
    save(rows, list(left))


def save(rows: dict[tuple, dict[str, Any]], left: list[Job], *, quiet: bool = False) -> None:
    """Write the rows in the order of the grid."""
    order = {key(asdict(job)): place for place, job in enumerate(grid())}
    write(NAME, sorted(rows.values(), key=lambda row: order.get(key(row), len(order))), [str(job) for job in left], quiet=quiet)


def latency(folder: str, turns: int = 15) -> None:
    """Time the condensed networks of the store beside the same networks dense, in turns; add it to their rows."""
    store, rows = runs.Store(folder), {key(row): row for row in known()}
    for row in rows.values():
        if row["run"] not in store or not store.run(row["run"]).has_weights:
            continue
        small, _ = store.load(row["run"])
        assert small is not None
        dense = models.load(row["network"])
        example = torch.rand(64, 1, 28, 28)
        for batch in (1, 64):
            took: dict[str, list[float]] = {"dense": [], "condensed": []}
            for turn in range(turns + 3):
                for what, model in (("dense", dense), ("condensed", small)):
                    each = timed(model, example[:batch])
                    if turn >= 3:
                        took[what].append(each)
            middle = {what: statistics.median(times) for what, times in took.items()}
            row |= {
                f"dense_ms_{batch}": round(1e3 * middle["dense"], 3),
                f"condensed_ms_{batch}": round(1e3 * middle["condensed"], 3),
            }
            row[f"times_as_fast_{batch}"] = round(middle["dense"] / middle["condensed"], 2)
            row["latency_threads"] = torch.get_num_threads()
        print(row["network"], row["rule"], row["sparsity"], row["times_as_fast_1"], row["times_as_fast_64"], flush=True)
    save(rows, [job for job in grid() if key(asdict(job)) not in rows])


def timed(model: torch.nn.Module, x: torch.Tensor) -> float:
    """Seconds of one call, of the second of two."""
    with torch.inference_mode():
        model(x)
        began = time.perf_counter()
        model(x)
        return time.perf_counter() - began


def ship(folder: str) -> None:
    """Put a few runs of the first seed into the gallery, metrics alone, so that it stays small."""
    store, gallery, rows = runs.Store(folder), runs.gallery(), pd.DataFrame(known())
    first = runs.usual_settings(rows[(rows["seed"] == 0) & rows["sparsity"].isin([0, 0.9])])
    for name in first[first["rule"].isin(SHIPPED)]["run"]:
        if name not in store or name in gallery:
            continue
        run = store.run(name)
        small, audit = store.load(run.id)
        # trainings ran at the same time, which distorts the latencies of their audits
        audit = timed_again(audit, small, models.load(run.model))
        config = {name: getattr(run, name) for name in ("method", "version", "parameters", "model", "data", "seed")}
        tables = {name: store.table_of(run.id, name) for name in ("curve", "training", "layers", "masks")}
        gallery.save(None, audit=audit, config=config, compact=True, tables={n: t for n, t in tables.items() if t is not None})


def timed_again(audit: Audit, small: torch.nn.Module | None, dense: torch.nn.Module) -> Audit:
    """The audit with its latency measured again; a network with zeros in dense layers is as slow as those layers."""
    measured = time_of(small or copy.deepcopy(dense), torch.rand(1, 1, 28, 28), reference=dense, seconds=1.0)
    assert audit.cost is not None
    assert measured.ratio is not None
    summary = audit.summary.copy()
    summary["latency_ms"], summary["latency_ratio"] = measured.median, 1 / measured.ratio
    return replace(audit, cost=replace(audit.cost, latency=measured), summary=summary)


def tell() -> None:
    """Print means with intervals, and the contrasts of the paper."""
    rows = pd.DataFrame(known())
    if rows.empty:
        return
    cells = over_seeds(rows, ["network", "sparsity", "rule", "gamma_sal"])
    print(cells.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    for row in runs.contrasts(runs.usual_settings(rows)).itertuples():
        told = f"{100 * row.mean:+.2f} pp ({100 * row.low:+.2f} to {100 * row.high:+.2f}, {row.seeds:.0f} seeds)"
        print(f"{row.network} {row.sparsity:g}: SRigL - {row.other}: {told}")


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--store", default="out/dynamic_sparse_training", help="folder of runs")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1)))
    parser.add_argument("--latency", action="store_true", help="time the condensed networks instead of training")
    parser.add_argument("--ship", action="store_true", help="put a few runs at 90 % into the gallery instead of training")
    given = parser.parse_args()
    if given.latency:
        latency(given.store)
    elif given.ship:
        ship(given.store)
    else:
        work(given.store, time.monotonic() + 60 * given.budget, given.processes)
    tell()


if __name__ == "__main__":
    main()
