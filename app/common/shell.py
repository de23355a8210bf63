"""What every page needs: options of the command line, runs, a figure with its caption, errors as sentences."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labkit import runs

# a method or measure from outside may raise torch's own
MISTAKES = (ValueError, TypeError, OSError, RuntimeError)


@dataclass(frozen=True)
class Options:
    """Arguments after ``--`` when the dashboard is started by hand; ``labkit app`` passes them."""

    store: Path
    plugins: tuple[str, ...]


@st.cache_resource
def options() -> Options:
    """Read the command line once per server, and load the plugins it names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", default="runs")
    parser.add_argument("--plugin", action="append", default=[])
    given, _ = parser.parse_known_args(sys.argv[1:])
    found = Options(Path(given.store).resolve(), tuple(given.plugin))
    if found.plugins:
        from labkit.compress import load_plugin

        for plugin in found.plugins:
            load_plugin(plugin)
    return found


def library() -> runs.Library:
    """Return the user's runs, then those of the gallery; read again when the folder has changed."""
    folder = options().store
    return _library(str(folder), folder.stat().st_mtime_ns if folder.is_dir() else 0)


@st.cache_resource(max_entries=2, show_spinner=False)
def _library(folder: str, changed: int) -> runs.Library:
    return runs.Library(runs.Store(folder), runs.gallery())


def steady() -> DeltaGenerator:
    """Return a container for a fragment that is followed by anything else on the page.

    When a fragment is run again before its first run has reached the browser, Streamlit drops what that run drew, including the
    fragment's own position; elements after it would then be past the end of the page, which breaks it.
    """
    return st.container()


def tighten() -> None:
    """Remove most of the empty space above a page, so that sliders and figures fit on one screen."""
    st.html("<style>[data-testid=stMainBlockContainer] {padding-top: 3.6rem; padding-bottom: 3rem;}</style>")


def theme() -> str:
    """Return the theme of the page: "light" or "dark"."""
    return st.context.theme.type or "light"


def figure(chart: go.Figure, reading: str, *, alt: str) -> None:
    """Draw `chart` over the full width and, below it, one line on how to read it."""
    st.plotly_chart(chart, theme=None, width="stretch", alt=alt, config={"displayModeBar": False, "responsive": True})
    st.caption(f"How to read this: {reading}")


@contextmanager
def mistakes() -> Iterator[None]:
    """Show a user's error as a sentence instead of a traceback, and stop the page there."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        say(error)
        st.stop()


def say(error: Exception) -> None:
    """Show an error as one sentence."""
    st.error(" ".join(str(error).split()), icon=":material/warning:")
