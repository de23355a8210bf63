"""What a part of the soak found: rows for a table, and failures in sentences."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Part:
    """One part of the soak.

    Parameters
    ----------
    name : str
    rows : list of dict
        With the same keys, of which ``what`` is the first.
    failures : list of str
        A sentence each; empty where all held.
    notes : list of str
        What could not be tried here.
    """

    name: str
    rows: list[dict[str, Any]]
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def print(self) -> None:
        """Print the table and the failures."""
        print(f"\n{self.name}: {'FAILED' if self.failures else 'held'}")
        keys = list(self.rows[0]) if self.rows else []
        cells = [keys, *([_text(row.get(key)) for key in keys] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells[0] else []
        for row in cells:
            print("  " + "  ".join(f"{cell:{'<' if i == 0 else '>'}{widths[i]}}" for i, cell in enumerate(row)))
        for sentence in self.failures:
            print(f"  failed: {sentence}")
        for sentence in self.notes:
            print(f"  note: {sentence}")


def _text(value: Any) -> str:
    return (
        ""
        if value is None
        else f"{value:,.3g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def write(parts: list[Part], folder: Path) -> None:
    """Write ``results.json``: what a machine reads of the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps({part.name: asdict(part) for part in parts}, indent=1) + "\n")
