"""Tables of sparse training."""

from collections.abc import Sequence

import pandas as pd

from labkit import runs
from labkit.audit import over_seeds
from labkit.sparsify import RULES
from tables.sources import markdown, percent, results

HEADLINE = [("resnet_fashion", 0.9), ("resnet_fashion", 0.98), ("vit_fashion", 0.9), ("vit_fashion", 0.99)]


def sparse_table(places: list[tuple[str, float]] | None = None, rules: Sequence[str] = ()) -> str:
    """Test accuracy: one row per rule, one column per network and sparsity; mean, half a 95 % t-interval, seeds."""
    rows = pd.DataFrame(results("dynamic_sparse_training"))
    if rows.empty:
        return "not measured yet: `python benchmarks/dynamic_sparse_training.py`"
    usual = runs.usual_settings(rows)
    cells = over_seeds(usual, ["network", "sparsity", "rule"]).set_index(["network", "sparsity", "rule"])
    places = places or [place for place in usual.groupby(["network", "sparsity"]).groups if place[1] > 0]
    return markdown(
        ["rule", *(f"{network}<br>{percent(sparsity)}" for network, sparsity in places)],
        (
            [name, *(_cell(cells, (network, 0.0 if name == "dense" else sparsity, name)) for network, sparsity in places)]
            for name in rules or ("dense", *RULES)
            if (usual["rule"] == name).any()
        ),
    )


def sparse_headline_table() -> str:
    """The same at two sparsities for each network."""
    return sparse_table(HEADLINE)


def contrast_table() -> str:
    """SRigL minus the others in points of accuracy, of pairs of equal seed."""
    rows = pd.DataFrame(results("dynamic_sparse_training"))
    if rows.empty:
        return "not measured yet: `python benchmarks/dynamic_sparse_training.py`"
    found = runs.contrasts(runs.usual_settings(rows))
    places = list(found.groupby(["network", "sparsity"]).groups)
    known = {
        (row.other, row.network, row.sparsity): _difference(row.mean, row.low, row.high, row.seeds) for row in found.itertuples()
    }
    return markdown(
        ["SRigL minus", *(f"{network}<br>{percent(sparsity)}" for network, sparsity in places)],
        ([other, *(known.get((other, *place), "") for place in places)] for other in dict.fromkeys(found["other"])),
    )


def memory_table() -> str:
    """Times of benchmarks/sparse_training.py: one step with masked and with condensed layers."""
    return markdown(
        ("what", "sparsity", "batch", "median step", "ratio to masked"),
        (
            (
                row["what"],
                percent(row["sparsity"]),
                row.get("batch", ""),
                f"{row.get('median_ms', row.get('step_ms')):,.0f} ms",
                f"{row['ratio_to_masked']:.2f}x" if "ratio_to_masked" in row else "",
            )
            for row in results("sparse_training")
            if row.get("median_ms", row.get("step_ms")) is not None
        ),
    )


def _difference(mean: float, low: float, high: float, seeds: float) -> str:
    interval = f" ({100 * low:+.1f} to {100 * high:+.1f})" if seeds > 1 else ""
    return f"{100 * mean:+.1f}{interval}"


def _cell(cells: pd.DataFrame, place: tuple[str, float, str]) -> str:
    if place not in cells.index:
        return ""
    found = cells.loc[place]
    spread = "" if found["seeds"] < 2 else f" ± {100 * (found['high'] - found['mean']):.1f}"
    return f"{100 * found['mean']:.1f}{spread} ({found['seeds']:.0f})"
