"""The button "Take it away": a run as a folder in a format of `labkit.export`, to download as one file."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from common.shell import MISTAKES, say
from labkit import runs
from labkit.export import FORMATS, Material, export, material_of


class Parcel(NamedTuple):
    """A folder in one file, and what is to be said about it."""

    content: bytes
    files: dict[str, int]
    notes: tuple[str, ...]
    check: str


def take_away(run: runs.Run | str, store: runs.Store | runs.Library, *, in_fragment: bool = False) -> None:
    """Draw the button; nothing is computed before a format is asked for.

    Say `in_fragment` where it is called within a fragment: another one inside it may reach the browser before its container does.
    """
    found = store.run(run) if isinstance(run, str) else run
    with st.popover("Take it away", icon=":material/download:", key=f"take-away-{found.id}"):
        (_formats if in_fragment else st.fragment(_formats))(found)


def _formats(run: runs.Run) -> None:
    """The formats with what each needs; the one that was asked for, with its size, its notes and the file."""
    st.write("The network with a script that loads it, the figures of its audit, and sample inputs and outputs.")
    why = "" if run.has_weights else runs.cannot_rebuild(run)
    if why:
        st.info(why)
        return
    name = st.radio(
        "format",
        list(FORMATS),
        format_func=lambda name: FORMATS[name].title,
        captions=[f"`{kind.file}`; loading it needs {kind.needs}" for kind in FORMATS.values()],
        key=f"take-away-format-{run.id}",
    )
    asked = f"take-away-asked-{run.id}"
    if FORMATS[name].missing:
        st.info(FORMATS[name].missing)
        return
    if st.button("Prepare the file", key=f"take-away-make-{run.id}", width="stretch"):
        st.session_state[asked] = name
    if st.session_state.get(asked) != name:
        return
    try:
        with st.spinner("Writing the network and comparing its outputs; this takes some seconds …"):
            parcel = _parcel(run, name)
    except MISTAKES as error:
        say(error)
        return
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
    st.caption(f"`{file}` has {parcel.files[file]:,} bytes.")
    st.caption("\n".join(f"- {note}" for note in (*parcel.notes, parcel.check)))


# by folder and id: a run never changes its network
@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={runs.Run: lambda run: (str(run.folder), run.created)})
def _parcel(run: runs.Run, name: str) -> Parcel:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"{run.id[:8]}-{name}"
        made = export(_material(run), format=name, folder=folder)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as parcel:
            for file in sorted(folder.iterdir()):
                parcel.write(file, f"{folder.name}/{file.name}")
    return Parcel(content.getvalue(), made.files, made.notes, made.check.sentence())


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={runs.Run: lambda run: (str(run.folder), run.created)})
def _material(run: runs.Run) -> Material:
    return material_of(run)
