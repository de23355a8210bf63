"""Where the figures come from, and how a table is written."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def results(name: str) -> list[dict[str, Any]]:
    """Rows of benchmarks/results/NAME.json; none where it was not measured."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.is_file() else []


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """Return a Markdown table whose first `left` columns are aligned left, the others right."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * left + "---:|" * (len(head) - left)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def percent(fraction: float, digits: int = 0) -> str:
    """Return a fraction as "12 %"."""
    return f"{100 * fraction:.{digits}f} %"
