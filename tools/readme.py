"""Fill the tables of README.md; ``--check`` only compares.

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``, where NAME is a key of `tables.TABLES`.
"""

import re
import sys
from pathlib import Path

from tables import TABLES

ROOT = Path(__file__).resolve().parents[1]


def filled(text: str) -> str:
    """Return `text` with every table generated anew."""
    for name in dict.fromkeys(re.findall(r"<!-- /(.+?) -->", text)):
        table = TABLES[name]()
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
