"""What stands in the notebooks' files; `make notebook-tests` runs them."""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupytext.config import load_jupytext_config

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# a result somebody typed: a figure with a unit of what labkit measures; "95 %" names a level, not a result
RESULT = re.compile(r"\d[\d.,]*\s*(?:%|pp\b|ms\b|kB\b|MB\b|s\b|seconds\b)")
ABSOLUTE = re.compile(r"(?<![\w.:/])/(?:home|root|work|tmp|usr|opt|mnt|Users|var)/|[A-Z]:\\\\")
SHOWS_A_FIGURE = re.compile(r"live_figure\(\)|^(figures\.(?!redraw)|drawn\.update)", re.MULTILINE)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def markdown(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_there_are_notebooks_and_each_has_a_twin():
    assert NOTEBOOKS
    twins = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.py")}
    assert {path.stem for path in NOTEBOOKS} == twins


def test_the_twins_say_the_same(path, notebook):
    text = path.with_suffix(".py").read_text()
    twin = jupytext.reads(text, "py:percent")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [(cell.cell_type, cell.source) for cell in twin.cells]
    config = load_jupytext_config(str(path))
    assert jupytext.writes(notebook, "py:percent", config=config) == text, "run .venv/bin/jupytext --sync notebooks/*.ipynb"


def test_nothing_of_a_run_is_kept(path, notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        assert not cell.metadata
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"
    nbformat.validate(notebook)
    assert not ABSOLUTE.search(path.read_text())


def test_no_result_is_typed_into_a_text(notebook):
    for text in markdown(notebook):
        assert not RESULT.findall(text.replace("95 %", ""))


def test_every_figure_is_followed_by_what_to_look_at(notebook):
    found = 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and SHOWS_A_FIGURE.search(cell.source):
            found += 1
            assert notebook.cells[number + 1].source.startswith("**What to look at:**"), cell.source
    assert found >= 5


def test_links_between_notebooks_lead_somewhere(path, notebook):
    links = [link for text in markdown(notebook) for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    assert links
    for link in links:
        assert (path.parent / link).is_file(), link


def test_the_tour_leads_to_every_notebook():
    tour = "".join(markdown(nbformat.read(NOTEBOOKS[0], as_version=4)))
    for path in NOTEBOOKS[1:]:
        assert f"({path.name})" in tour
