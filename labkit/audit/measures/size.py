"""Parameters, nonzeros and bytes."""

from __future__ import annotations

from labkit.audit.measure import Column, Limit, Measure, register_measure
from labkit.audit.measures.costs import TASKS, counted, ratio_delta
from labkit.registry import Param

register_measure(
    Measure(
        "bytes",
        "size",
        better="lower",
        format="bytes",
        help="Every stored byte: values, indices and masks.",
        limit=Limit(
            Param(5.0, 200.0, 200.0, step=5.0),
            name="bytes_ratio",
            title="size at most",
            figure="bytes_ratio",
            unit="%",
            scale=100,
            said="at most {} % of the bytes",
        ),
        compute=counted("bytes", lambda cost: cost.total_bytes),
        needs=("cost",),
        tasks=TASKS,
        delta=ratio_delta("bytes_ratio"),
        columns=(
            Column("bytes", "size", "bytes", "Values, indices and masks"),
            Column("bytes_ratio", "of the bytes", "share", "Relative to the uncompressed network", short=True),
        ),
    )
)
for _key, _title, _help in (
    ("parameters", "parameters", "Entries of all weights and biases, zeros included."),
    ("nonzeros", "nonzeros", "Entries of all weights and biases that are not zero."),
):
    register_measure(
        Measure(
            _key,
            _title,
            better="lower",
            format="operations",
            help=_help,
            compute=counted(_key, lambda cost, key=_key: getattr(cost, key)),  # type: ignore[misc]
            needs=("cost",),
            tasks=TASKS,
            delta=ratio_delta(f"{_key}_ratio"),
            headline=False,
        )
    )
