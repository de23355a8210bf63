"""Tables of shared bases (FiPS) beside other methods at equal bytes."""

import pandas as pd

from labkit.audit import over_seeds
from tables.sources import markdown, percent, results


def fips_table(network: str) -> str:
    """Quality of a network whose feed-forward layers are smaller, at equal bytes: one row per method, one column per budget."""
    rows = pd.DataFrame([row for row in results("fips") if row.get("network") == network and "quality" in row])
    if rows.empty:
        return f"not measured yet: `python benchmarks/fips.py --network {network}`"
    rows["method"] = [row["method"] for row in rows.to_dict("records")]
    rows["off"] = rows["output_error"] if "output_error" in rows else 1 - rows["cosine"]
    cells = over_seeds(rows, ["method", "budget"], "quality").set_index(["method", "budget"])
    cells["off"] = rows.groupby(["method", "budget"])["off"].mean()
    budgets, dense = sorted(rows["budget"].unique()), rows["dense"].iloc[0]
    lines = [["dense", *[f"{100 * dense:.2f} (0)"] * len(budgets)]]
    lines += [[method, *(_quality(cells, (method, budget)) for budget in budgets)] for method in sorted(rows["method"].unique())]
    return markdown(["method", *map(percent, budgets)], lines)


def fips_times_table() -> str:
    """Time and bytes of blocks with a shared basis."""
    return markdown(
        ("four blocks of the size of DeiT-B", "time", "speed-up over dense", "bytes"),
        (
            (
                row["method"],
                f"{row['median_ms']:.0f} ms ({row['low_ms']:.0f} to {row['high_ms']:.0f})",
                f"{row['times_as_fast']:.2f}x",
                percent(row["bytes_share"], 1),
            )
            for row in results("fips")
            if row["what"] == "speed"
        ),
    )


def _quality(cells: pd.DataFrame, place: tuple[str, float]) -> str:
    if place not in cells.index:
        return ""
    found = cells.loc[place]
    spread = "" if found["seeds"] < 2 else f" ± {100 * (found['high'] - found['mean']):.2f}"
    return f"{100 * found['mean']:.2f}{spread} ({100 * found['off']:.2g})"
