"""The button "Take it away": a run as a folder in a format of `labkit.export`, to download as one file."""

import io
import tempfile
import zipfile
from collections.abc import Hashable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from common.long_work import Make, is_known, long_work
from common.words import code, plain
from labkit import runs
from labkit.export import FORMATS, STAGES, Exported, Material, export_stages, material_of
from labkit.stamps import Stamp, stamp

TAKE_AWAY = "take-away"  # a page with the button has a ``heartbeat(TAKE_AWAY)``


class Parcel(NamedTuple):
    """A folder in one file, and what is to be said about it."""

    content: bytes
    files: dict[str, int]
    notes: tuple[str, ...]
    check: str


class Packing(NamedTuple):
    """How far a parcel is."""

    done: int
    doing: str
    parcel: Parcel | None = None


def take_away(run: runs.Run | str, store: runs.Store | runs.Library, *, in_fragment: bool = False) -> None:
    """Draw the button; nothing is computed before a format is asked for, and then in the background.

    Say `in_fragment` where it is called within a fragment: another one inside it may reach the browser before its container does.
    """
    found = store.run(run) if isinstance(run, str) else run
    with st.popover("Take it away", icon=":material/download:", key=f"take-away-{found.id}"):
        (_formats if in_fragment else st.fragment(_formats))(found)


def _formats(run: runs.Run) -> None:
    """The formats with what each needs; the one that is chosen, with its size, its notes and the file."""
    st.write("The network with a script that loads it, the figures of its audit, and sample inputs and outputs.")
    why = "" if run.has_weights else runs.cannot_rebuild(run)
    if why:
        st.info(plain(why))
        return
    place = f"take-away-format-{run.id}"
    if place not in st.session_state:
        st.session_state[place] = next(filter(lambda name: is_known(_asked(run, name)[0]), FORMATS), next(iter(FORMATS)))
    name = st.radio(
        "format",
        list(FORMATS),
        format_func=lambda name: FORMATS[name].title,
        captions=[f"`{kind.file}`; loading it needs {kind.needs}" for kind in FORMATS.values()],
        key=place,
    )
    if FORMATS[name].missing:
        st.info(plain(FORMATS[name].missing))
        return
    question, make = _asked(run, name)
    long_work(
        TAKE_AWAY,
        question,
        make,
        label="Prepare the file",
        said="" if is_known(question) else None,
        progress=lambda packing: (packing.done, STAGES),
        doing=lambda packing: f"{packing.doing.capitalize()} … ({packing.done + 1} of {STAGES})",
        timed=False,
        below=lambda packing, running: None if running or packing is None else _ready(run, name, packing.parcel),
        asked=lambda: _asked(run, st.session_state[place]),
    )


def _asked(run: runs.Run, name: str) -> tuple[Hashable, Make]:
    """Return what is prepared: the run with what is stored of it now, in a format."""
    return (TAKE_AWAY, str(run.folder), stamp(run.folder), name), lambda cancel: _packing(run, name)


def _ready(run: runs.Run, name: str, parcel: Parcel | None) -> None:
    if parcel is None:
        return  # it failed, which has been said
    st.download_button(
        f"Download {len(parcel.content) / 1e6:,.2f} MB",
        parcel.content,
        file_name=f"{run.model}-{run.method}-{run.id[:8]}-{name}.zip".replace("/", "-").replace(":", "-"),
        mime="application/zip",
        key=f"take-away-file-{run.id}-{name}",
        on_click="ignore",
        type="primary",
        width="stretch",
    )
    file = FORMATS[name].file
    st.caption(f"{code(file)} has {parcel.files[file]:,} bytes.")
    st.caption("\n".join(f"- {plain(note)}" for note in (*parcel.notes, parcel.check)))


def _packing(run: runs.Run, name: str) -> Iterator[Packing]:
    """Write the folder stage by stage; the last answer has it in one file."""
    with runs.in_words("taking it away"), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"{run.id[:8]}-{name}"
        yield Packing(0, "opening the network" if run.has_weights else "making the network again")
        for stage in export_stages(_material(run.folder, stamp(run.folder)), format=name, folder=folder):
            if stage.exported is None:
                yield Packing(stage.done, stage.doing)
            else:
                yield Packing(stage.done, stage.doing, _packed(stage.exported))


def _packed(made: Exported) -> Parcel:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as parcel:
        for file in sorted(made.folder.iterdir()):
            parcel.write(file, f"{made.folder.name}/{file.name}")
    return Parcel(content.getvalue(), made.files, made.notes, made.check.sentence())


@lru_cache(maxsize=2)
def _material(folder: Path, changed: Stamp) -> Material:
    """Open a run once for several formats."""
    return material_of(runs.Store(folder.parent).run(folder.name))
