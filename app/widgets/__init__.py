"""Components of our own, each in a folder with its Python, script and style sheet."""

from pathlib import Path


def read(name: str) -> str:
    """Return a file below this folder as text, e.g. ``read("slider/slider.js")``."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
