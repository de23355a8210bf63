"""Tables of times: kernels, whole networks, waiting times."""

from tables.sources import markdown, percent, results


def speed_table() -> str:
    """Ratio of the time of F.linear to that of fixed_fan_in for one layer, by batch size."""
    ratios = {
        (row["in"], row["out"], row["sparsity"], row["batch"], row["mode"]): (row["ratio_to_dense"], row["bytes"])
        for row in results("fixed_fan_in")
        if row["what"] == "ours" and row["sparsity"] < 0.99
    }
    columns = [(batch, "inference") for batch in (1, 8, 64, 256, 2048)] + [(1, "cold"), (64, "cold"), (64, "training")]
    names = [f"batch {batch}" if mode == "inference" else f"{mode}, {batch}" for batch, mode in columns]
    rows = []
    for inputs, outputs, sparsity in dict.fromkeys(place[:3] for place in ratios):
        found = [ratios.get((inputs, outputs, sparsity, *column)) for column in columns]
        if any(found):
            size = next(entry[1] for entry in found if entry) / (4 * inputs * outputs)
            cells = ["" if entry is None else f"{entry[0]:.1f}x" for entry in found]
            rows.append([f"{inputs:,} → {outputs:,}".replace(" ", "\u00a0"), percent(sparsity), percent(size), *cells])
    table = markdown(["layer", "sparsity", "bytes", *names], rows)
    if results("fixed_fan_in_cuda"):
        return table
    return f"{table}\n\nOn a GPU: not measured, `python benchmarks/fixed_fan_in.py --device cuda`."


def networks_table() -> str:
    """Whole transformers, dense and condensed."""
    rows = {(row["model"], row["sparsity"], row["batch"], row["what"]): row for row in results("vit_end_to_end")}
    return markdown(
        ("network", "sparsity", "batch", "dense", "condensed", "ratio"),
        (
            (
                model,
                percent(sparsity),
                batch,
                f"{rows[model, sparsity, batch, 'dense']['median_ms']:,.0f} ms",
                f"{row['median_ms']:,.0f} ms",
                f"{row['ratio_to_dense']:.1f}x",
            )
            for (model, sparsity, batch, what), row in rows.items()
            if what == "ours"
        ),
    )


def startup_table() -> str:
    """Waiting times of benchmarks/startup.py."""
    return _times("startup")


def audit_times_table() -> str:
    """Times of benchmarks/audit.py."""
    return _times("audit")


def _times(name: str) -> str:
    return markdown(
        ("what", "median", "range"),
        (
            (f"`{row['what']}`", f"{row['median_s']:.2f} s", f"{row['min_s']:.2f} to {row['max_s']:.2f} s")
            for row in results(name)
            if "median_s" in row
        ),
    )


def live_table() -> str:
    """Medians of benchmarks/live.py: what a user waits for on the dashboard."""
    rows = []
    for row in results("live"):
        if "per_second" in row:
            rows.append((row["what"], f"{row['per_second']:.1f} per second", ""))
        else:
            rows.append((row["what"], f"{row['p50_ms']:,} ms", "" if row["p95_ms"] is None else f"{row['p95_ms']:,} ms"))
    return markdown(("what", "median", "95th percentile"), rows)
