"""Fill the tables of README.md from the models' cards and benchmarks/results; ``--check`` only compares.

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.
"""

import json
import re
import sys
from pathlib import Path

import pandas as pd

from labkit import models, runs
from labkit.audit import over_seeds

ROOT = Path(__file__).resolve().parents[1]


def model_table() -> str:
    """One row a reference model."""
    head = "| model | what | data | parameters | test accuracy (95 % interval) | training |"
    lines = [head, "|---|---|---|---:|---|---:|"]
    for row in models.table().itertuples():
        interval = f"{row.test:.2%} ({100 * row.low:.2f} to {100 * row.high:.2f})".replace("%", " %")
        lines.append(
            f"| `{row.Index}` | {row.architecture} | {row.data} | {row.parameters:,} | {interval} | {row.minutes:.1f} min |"
        )
    return "\n".join(lines)


def gallery_table() -> str:
    """One row a shipped run of a compressed network; the trainings have a table of their own."""
    lines = ["| model | method | accuracy | change | affected classes | bytes |", "|---|---|---:|---:|---:|---:|"]
    shipped = [run for run in runs.gallery().runs() if not run.damaged and not run.method.startswith(runs.TRAINED)]
    for run in sorted(shipped, key=lambda run: (run.model, run.method, str(run.parameters))):
        figures = run.summary
        settings = " ".join(f"{name}={value}" for name, value in run.parameters.items() if value not in ("all", "parameters"))
        size = f"{figures['bytes'] / 1e3:,.0f} kB ({figures['bytes_ratio']:.0%})".replace("%", " %")
        accuracy, change = f"{100 * figures['accuracy']:.2f} %", f"{100 * figures['accuracy_change']:+.2f}"
        lines.append(
            f"| {run.model} | {run.method} {settings} | {accuracy} | {change} | {figures['affected_classes']:.0f} | {size} |"
        )
    return "\n".join(lines)


def startup_table() -> str:
    """Waiting times of benchmarks/startup.py."""
    results = json.loads((ROOT / "benchmarks" / "results" / "startup.json").read_text())
    lines = ["| what | median | range |", "|---|---:|---|"]
    for row in results["rows"]:
        lines.append(f"| `{row['what']}` | {row['median_s']:.2f} s | {row['min_s']:.2f} to {row['max_s']:.2f} s |")
    return "\n".join(lines)


def live_table() -> str:
    """Medians of benchmarks/live.py: what a user waits for on the dashboard."""
    lines = ["| what | median | 95 % within |", "|---|---:|---:|"]
    for row in json.loads((ROOT / "benchmarks" / "results" / "live.json").read_text())["rows"]:
        if "per_second" in row:
            lines.append(f"| {row['what']} | {row['per_second']:.1f} a second | |")
        else:
            most = "" if row["p95_ms"] is None else f"{row['p95_ms']:,} ms"
            lines.append(f"| {row['what']} | {row['p50_ms']:,} ms | {most} |")
    return "\n".join(lines)


def results(name: str) -> list[dict]:
    """Rows of benchmarks/results/NAME.json; none where it was not measured."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.is_file() else []


def speed_table() -> str:
    """Ratio of F.linear's time to ours for one layer, by batch size."""
    ratios = {
        (row["in"], row["out"], row["sparsity"], row["batch"], row["mode"]): (row["ratio_to_dense"], row["bytes"])
        for row in results("fixed_fan_in")
        if row["what"] == "ours" and row["sparsity"] < 0.99
    }
    columns = [(batch, "inference") for batch in (1, 8, 64, 256, 2048)] + [(1, "cold"), (64, "cold"), (64, "training")]
    names = [f"batch {batch}" if mode == "inference" else f"{mode}, {batch}" for batch, mode in columns]
    lines = [f"| layer | sparsity | bytes | {' | '.join(names)} |", "|---|---:|---:|" + "---:|" * len(columns)]
    for inputs, outputs, sparsity in dict.fromkeys(place[:3] for place in ratios):
        found = [ratios.get((inputs, outputs, sparsity, *column)) for column in columns]
        if not any(found):
            continue
        size = next(entry[1] for entry in found if entry) / (4 * inputs * outputs)
        cells = ["" if entry is None else f"{entry[0]:.1f}x" for entry in found]
        lines.append(f"| {inputs} → {outputs:,} | {100 * sparsity:.0f} % | {100 * size:.0f} % | {' | '.join(cells)} |")
    if not results("fixed_fan_in_cuda"):
        empty = " | ".join([""] * len(columns))
        lines.append(f"| on a GPU | | | not measured: `python benchmarks/fixed_fan_in.py --device cuda` {empty}|")
    return "\n".join(lines)


def networks_table() -> str:
    """Whole transformers, dense and condensed."""
    rows = {(row["model"], row["sparsity"], row["batch"], row["what"]): row for row in results("vit_end_to_end")}
    lines = ["| network | sparsity | batch | dense | condensed | ratio |", "|---|---:|---:|---:|---:|---:|"]
    for model, sparsity, batch, what in rows:
        if what == "ours":
            dense, ours = rows[model, sparsity, batch, "dense"], rows[model, sparsity, batch, "ours"]
            times = f"{dense['median_ms']:,.0f} ms | {ours['median_ms']:,.0f} ms | {ours['ratio_to_dense']:.1f}x"
            lines.append(f"| {model} | {100 * sparsity:.0f} % | {batch} | {times} |")
    return "\n".join(lines)


def sparse_table() -> str:
    """Accuracy of sparse trainings: a row a topology, a column a network and sparsity; mean, half a 95 % t-interval, seeds."""
    rows = pd.DataFrame(results("dynamic_sparse_training"))
    if rows.empty:
        return "not measured yet: `python benchmarks/dynamic_sparse_training.py`"
    usual = runs.usual_gamma(rows)
    cells = over_seeds(usual, ["network", "sparsity", "topology"]).set_index(["network", "sparsity", "topology"])
    sparse = [place for place in usual.groupby(["network", "sparsity"]).groups if place[1] > 0]
    lines = ["| topology | " + " | ".join(f"{network} {100 * sparsity:.0f} %" for network, sparsity in sparse) + " |"]
    lines.append("|---|" + "---:|" * len(sparse))
    for topology in ("dense", "gmp", "rigl", "srigl", "srigl_no_ablation", "set", "static"):
        told = [_cell(cells, network, 0.0 if topology == "dense" else sparsity, topology) for network, sparsity in sparse]
        lines.append(f"| {topology} | {' | '.join(told)} |")
    return "\n".join(lines)


def contrast_table() -> str:
    """SRigL minus the others in points of accuracy, of pairs of equal seed."""
    rows = pd.DataFrame(results("dynamic_sparse_training"))
    if rows.empty:
        return "not measured yet"
    found = runs.contrasts(runs.usual_gamma(rows))
    places = list(found.groupby(["network", "sparsity"]).groups)
    lines = ["| SRigL minus | " + " | ".join(f"{network} {100 * sparsity:.0f} %" for network, sparsity in places) + " |"]
    lines.append("|---|" + "---:|" * len(places))
    told = {
        (row.other, row.network, row.sparsity): _difference(row.mean, row.low, row.high, row.seeds) for row in found.itertuples()
    }
    for other in dict.fromkeys(found["other"]):
        lines.append(f"| {other} | {' | '.join(told.get((other, *place), '') for place in places)} |")
    return "\n".join(lines)


def _difference(mean: float, low: float, high: float, seeds: float) -> str:
    interval = f" ({100 * low:+.1f} to {100 * high:+.1f})" if seeds > 1 else ""
    return f"{100 * mean:+.1f}{interval}"


def _cell(cells: pd.DataFrame, network: str, sparsity: float, topology: str) -> str:
    if (network, sparsity, topology) not in cells.index:
        return ""
    found = cells.loc[(network, sparsity, topology)]
    spread = "" if found["seeds"] < 2 else f" ± {100 * (found['high'] - found['mean']):.1f}"
    return f"{100 * found['mean']:.1f}{spread} ({found['seeds']:.0f})"


def fips_table(network: str) -> str:
    """Quality of a network whose feed-forward layers are smaller, at equal bytes: a row a way, a column a budget."""
    rows = pd.DataFrame([row for row in results("fips") if row.get("network") == network and "quality" in row])
    if rows.empty:
        return f"not measured yet: `python benchmarks/fips.py --network {network}`"
    rows["off"] = rows["output_error"] if "output_error" in rows else 1 - rows["cosine"]
    cells = over_seeds(rows, ["way", "budget"], "quality").set_index(["way", "budget"])
    cells["off"] = rows.groupby(["way", "budget"])["off"].mean()
    budgets, dense = sorted(rows["budget"].unique()), rows["dense"].iloc[0]
    lines = ["| way | " + " | ".join(f"{100 * budget:.0f} %" for budget in budgets) + " |"]
    lines += ["|---|" + "---:|" * len(budgets), "| dense " + f"| {100 * dense:.2f} (0) " * len(budgets) + "|"]
    for way in sorted(rows["way"].unique()):
        lines.append(f"| {way} | " + " | ".join(_quality(cells, (way, budget)) for budget in budgets) + " |")
    return "\n".join(lines)


def _quality(cells: pd.DataFrame, place: tuple) -> str:
    if place not in cells.index:
        return ""
    found = cells.loc[place]
    spread = "" if found["seeds"] < 2 else f" ± {100 * (found['high'] - found['mean']):.2f}"
    return f"{100 * found['mean']:.2f}{spread} ({100 * found['off']:.2g})"


def fips_times_table() -> str:
    """Time and bytes of blocks with a shared basis."""
    lines = ["| four blocks of the size of DeiT-B | time | times as fast as dense | bytes |", "|---|---:|---:|---:|"]
    for row in results("fips"):
        if row["what"] == "speed":
            times = f"{row['median_ms']:.0f} ms ({row['low_ms']:.0f} to {row['high_ms']:.0f})"
            lines.append(f"| {row['way']} | {times} | {row['times_as_fast']:.2f}x | {100 * row['bytes_share']:.1f} % |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """Return `text` with every table made anew."""
    tables = {"models": model_table(), "gallery": gallery_table(), "startup": startup_table(), "live": live_table()}
    tables |= {"speed": speed_table(), "networks": networks_table(), "sparse": sparse_table(), "contrasts": contrast_table()}
    tables |= {f"fips {network}": fips_table(network) for network in ("vit_fashion", "minilm")} | {"fips times": fips_times_table()}
    for name, table in tables.items():
        text = re.sub(f"(<!-- {name} -->).*?(<!-- /{name} -->)", lambda m, t=table: f"{m[1]}\n{t}\n{m[2]}", text, flags=re.S)
    return text


def main() -> None:
    """Write README.md, or with --check fail when it is out of date."""
    path = ROOT / "README.md"
    before = path.read_text()
    after = filled(before)
    if "--check" in sys.argv:
        if before != after:
            sys.exit("README.md is out of date; run: .venv/bin/python tools/readme.py")
        return
    path.write_text(after)


if __name__ == "__main__":
    main()
