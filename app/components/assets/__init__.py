"""Style sheets and scripts of the components."""

from pathlib import Path


def read(name: str) -> str:
    """Return a file of this folder as text."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
