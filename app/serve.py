"""Starts Streamlit's server with what every page needs imported already, as ``labkit app`` does: ``python serve.py run main.py …``.

Imported in a page, torch keeps all visitors of the first seconds waiting for one lock.
"""

import contextlib
import importlib
import io
import sys
import threading
from pathlib import Path

NEEDED = ("plotly.graph_objects", *(f"labkit.{room}" for room in ("audit", "compress", "figures", "live", "models", "runs")))


def main() -> None:
    """Import, then hand over to Streamlit's command line."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # the labkit of the same checkout
    for name in NEEDED:
        importlib.import_module(name)
    from streamlit.web import cli

    sys.stdout = _Output(sys.stdout.buffer, sys.stdout.encoding, sys.stdout.errors, line_buffering=True)
    threading.Thread(target=_read_runs, daemon=True).start()
    cli.main(prog_name="streamlit")


class _Output(io.TextIOWrapper):
    """The output of a terminal that may be gone: Streamlit says "Stopping..." before it stops, and must not fail there."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _read_runs() -> None:
    """Read the runs that ship, and import the rest, while the server starts: almost every page needs them."""
    from labkit import models, runs

    with contextlib.suppress(ValueError, OSError):  # a page says it
        runs.gallery().table()
        models.neurons("mlp_mnist")  # imports what torch needs for shapes alone


if __name__ == "__main__":
    main()
