"""Cells of a notebook run in this process, as its kernel would, for what needs no browser."""

from contextlib import contextmanager
from pathlib import Path

import jupytext
import pytest
import torch

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class Cells:
    """A notebook in the folder where its kernel would be."""

    def __init__(self, name):
        self.name, self.cells = name, jupytext.read(NOTEBOOKS / f"{name}.py").cells

    def sections(self, begin, end):
        """The code on and after section `begin` (0: the beginning) and before `end`."""
        inside = begin == 0
        for cell in self.cells:
            inside |= f"## {begin}." in cell.source
            if f"## {end}." in cell.source:
                return
            if inside and cell.cell_type == "code":
                yield cell.source

    def run(self, sources, names):
        for source in sources:
            exec(compile(source, self.name, "exec"), names)
        return names

    @contextmanager
    def opened(self):
        """Names to run cells in; what works in the background is cancelled at the end."""
        names, threads = {}, torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(NOTEBOOKS)
            patch.syspath_prepend(str(NOTEBOOKS))
            yield names
        names["latest"].cancel()
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def cells_of():
    """Name of a notebook -> its `Cells`."""
    return Cells
