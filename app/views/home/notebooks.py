"""The notebooks: the question that each of them answers, and how to open it."""

import re
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
MARKDOWN = "# %% [markdown]\n"


def notebooks() -> None:
    """Draw one line for every notebook; nothing where they are not installed, since a wheel does not hold them."""
    found = _notebooks(str(FOLDER))
    if not found:
        return
    st.header("Notebooks")
    st.write("The same figures with the code that makes them, step by step. Run `make notebooks`, then open one in JupyterLab.")
    for file, (title, question) in found.items():
        st.markdown(f"**{title}**: {question} `{file}`")


@st.cache_data(show_spinner=False)
def _notebooks(folder: str) -> dict[str, tuple[str, str]]:
    """File -> title and question, from the notebook's first cell (the scripts beside the notebooks hold the same text)."""
    told = {}
    for script in sorted(Path(folder).glob("[0-9]*.py")):
        first = script.read_text(encoding="utf-8").partition(MARKDOWN)[2].partition("# %%")[0]
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in first.splitlines())
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        question = re.search(r"\*\*Question\.\*\*\s*(.+?)(?:\n\n|\Z)", text, re.DOTALL)
        if title:
            asked = " ".join(question[1].split()) if question else ""
            told[script.with_suffix(".ipynb").name] = (title[1], re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", asked))
    return told
