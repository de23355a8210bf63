"""What every page needs: the command line's options, the runs, a figure with its reading line, mistakes as sentences."""

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


@dataclass(frozen=True)
class Options:
    """What stands behind ``--`` when the dashboard is started by hand, or comes from ``labkit app``."""

    store: Path
    plugins: tuple[str, ...]


@st.cache_resource
def options() -> Options:
    """Read the command line once a server, and load the plugins it names."""
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
    """The user's runs before those that ship, read again when a folder has changed."""
    folder = options().store
    return _library(str(folder), folder.stat().st_mtime_ns if folder.is_dir() else 0)


@st.cache_resource(max_entries=2, show_spinner=False)
def _library(folder: str, changed: int) -> runs.Library:
    return runs.Library(runs.Store(folder), runs.gallery())


def steady() -> DeltaGenerator:
    """Return the place for a fragment that is followed by anything else on the page.

    When a fragment is run again while its first run is still on the way to the browser, Streamlit drops what that run drew, the
    fragment's own place included; what follows would then stand past the end of the page, which breaks it.
    """
    return st.container()


def tighten() -> None:
    """Take away most of the empty space that Streamlit leaves above a page: sliders and figures belong on one screen."""
    st.html("<style>[data-testid=stMainBlockContainer] {padding-top: 3.6rem; padding-bottom: 3rem;}</style>")


def theme() -> str:
    """Return "light" or "dark", whichever the page is."""
    return st.context.theme.type or "light"


def figure(chart: go.Figure, reading: str, *, alt: str) -> None:
    """Draw `chart` over the full width and, under it, one line that says how to read it."""
    st.plotly_chart(chart, theme=None, width="stretch", alt=alt, config={"displayModeBar": False, "responsive": True})
    st.caption(f"How to read this: {reading}")


@contextmanager
def mistakes() -> Iterator[None]:
    """Show a user's mistake as its sentence instead of a traceback, and stop the page there."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        say(error)
        st.stop()


def say(error: Exception) -> None:
    """Show a mistake as one sentence."""
    st.error(" ".join(str(error).split()), icon=":material/warning:")
