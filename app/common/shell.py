"""What every page needs: options of the command line, runs, a figure with its caption, errors as sentences."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.words import plain
from labkit import runs
from labkit.models import is_own
from labkit.stamps import Stamp, stamp

# a method or measure from outside may raise torch's own
MISTAKES = (ValueError, TypeError, OSError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Options:
    """Arguments after ``--`` when the dashboard is started by hand; ``labkit app`` passes them."""

    store: Path
    plugins: tuple[str, ...]
    folder: Path | None = None  # where `labkit app` was started; the server's own folder is that of the page
    own: dict[str, Any] = field(default_factory=dict)  # the network that it was started with
    public: bool = False  # other machines may reach it: visitors open no files of this one

    @property
    def start(self) -> Path:
        """Where relative paths begin."""
        return self.folder or Path.cwd()


def options() -> Options:
    """Read the command line once per server, and load the plugins it names; those that have changed are loaded again."""
    found = _options()
    for plugin in found.plugins:
        _load(plugin, stamp(plugin))
    name = found.own.get("name", "")
    if is_own(name):
        _import(name, str(found.start), stamp(found.start / name.rpartition(":")[0]))
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _import(name: str, folder: str, changed: Stamp) -> None:
    """Import the network that the command line names; no address and no field of a form does."""
    from labkit.models.own import register

    register(name, folder)


@st.cache_resource(max_entries=64, show_spinner=False)
def _load(plugin: str, changed: Stamp) -> None:
    from labkit.compress import load_plugin

    load_plugin(plugin)


@st.cache_resource
def _options() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", default="runs")
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--from", dest="folder", type=Path)
    parser.add_argument("--own", default="{}", type=json.loads)
    parser.add_argument("--public", action="store_true")
    given, _ = parser.parse_known_args(sys.argv[1:])
    return Options(Path(given.store).resolve(), tuple(given.plugin), given.folder, given.own, given.public)


def library() -> runs.Library:
    """Return the user's runs, then those of the gallery; read again when anything in the folder has changed."""
    folder = _options().store
    return _library(str(folder), stamp(folder))


@st.cache_resource(max_entries=2, show_spinner=False)
def _library(folder: str, changed: Stamp) -> runs.Library:
    return runs.Library(runs.Store(folder), runs.gallery())


def steady() -> DeltaGenerator:
    """Return a container for a fragment that is followed by anything else on the page.

    When a fragment is run again before its first run has reached the browser, Streamlit drops what that run drew, including the
    fragment's own position; elements after it would then be past the end of the page, which breaks it.
    """
    return st.container()


def tighten() -> None:
    """Remove most of the empty space above a page, make small print readable, and name the menu of a phone."""
    st.html(Path(__file__).with_name("page.css"))


def theme() -> str:
    """Return the theme of the page: "light" or "dark"."""
    return st.context.theme.type or "light"


def figure(chart: go.Figure, reading: str, *, alt: str) -> None:
    """Draw `chart` over the full width and, below it, one line on how to read it."""
    st.plotly_chart(chart, theme=None, width="stretch", alt=alt, config={"displayModeBar": False, "responsive": True})
    st.caption(f"How to read this: {plain(reading)}")


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
    words = str(error) or "there is not enough memory for this"  # Python says nothing more of it
    st.error(plain(words), icon=":material/warning:")
