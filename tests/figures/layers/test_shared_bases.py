"""The figure of shared bases draws the table it is given."""

import pandas as pd
import pytest

from labkit import figures
from tests.figures.colours import channels, contrast

# blocks take turns, as in an MLP-Mixer: a and c share basis 0, b has basis 1 and a gate
ROWS = [
    ("a", "a.up", 0, 8, 3, 32, 24, 96, 108, 1024),
    ("a", "a.down", 0, 8, 3, 32, 20, 96, 92, 1024),
    ("b", "b.gate", 1, 8, 5, 16, 10, 160, 50, 512),
    ("b", "b.up", 1, 8, 5, 16, 11, 160, 54, 512),
    ("b", "b.down", 1, 8, 5, 16, 12, 160, 58, 512),
    ("c", "c.up", 0, 8, 3, 32, 1200, 96, 4812, 1024),
    ("c", "c.down", 0, 8, 3, 32, 22, 96, 100, 1024),
]
COLUMNS = ["block", "layer", "group", "width", "rank", "hidden", "nonzeros", "base_bytes", "factor_bytes", "dense_bytes"]
TABLE = pd.DataFrame(ROWS, columns=COLUMNS)
PAPER = {"light": "#FFFFFF", "dark": "#0E1117"}


def row_of(figure, trace):
    """Names beside the axis of the rows that a trace has bars in."""
    names = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    return [names[place] for place in trace.y]


def test_a_basis_stands_above_the_first_block_that_uses_it():
    figure = figures.shared_bases(TABLE)
    assert list(figure.layout.yaxis.ticktext) == ["basis 0", "a", "basis 1", "b", "c"]
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 2, 3, 4]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top


def test_cells_hold_the_links_and_bases_their_rank():
    figure = figures.shared_bases(TABLE)
    cells, bases, *_ = figure.data
    assert row_of(figure, cells) == ["a", "a", "b", "b", "b", "c", "c"]
    assert list(cells.text) == ["24", "20", "10", "11", "12", "1,200", "22"]
    assert [round(start) for start in cells.base] == [0, 1, 0, 1, 2, 0, 1]
    assert (row_of(figure, bases), list(bases.text)) == (["basis 0", "basis 1"], ["rank 3", "rank 5"])


def test_bars_are_bytes_and_a_blocks_factors_follow_one_another():
    figure = figures.shared_bases(TABLE)
    *_, before, factors, bases = figure.data
    assert row_of(figure, before) == ["a", "b", "c"]
    assert list(before.x) == pytest.approx([2.048, 1.536, 2.048])
    assert list(factors.x) == pytest.approx(list(TABLE["factor_bytes"] / 1000))
    assert list(factors.base) == pytest.approx([0, 0.108, 0, 0.050, 0.104, 0, 4.812])
    assert (row_of(figure, bases), list(bases.x)) == (["basis 0", "basis 1"], [0.096, 0.160])
    assert figure.layout.xaxis2.range[1] >= 2.048


def test_the_title_counts_a_basis_once():
    thousandfold = {name: 1000 * TABLE[name] for name in ("base_bytes", "factor_bytes", "dense_bytes")}
    title = figures.shared_bases(TABLE.assign(**thousandfold)).layout.title.text
    assert "5,530 of 5,632 kB remain (98 %)" in title  # 96 + 160 of bases, 5,274 of factors


def test_one_colour_is_one_basis():
    _, _, _, factors, bases = figures.shared_bases(TABLE).data
    assert [factors.marker.color[place] for place in (0, 5)] == [bases.marker.color[0]] * 2
    assert factors.marker.color[2] == bases.marker.color[1] != bases.marker.color[0]


def test_columns_are_named_where_all_blocks_agree():
    agreed = TABLE[TABLE["block"] != "b"]
    assert list(figures.shared_bases(agreed).layout.xaxis.ticktext) == ["up", "down"]
    assert list(figures.shared_bases(TABLE).layout.xaxis.ticktext) == ["", "", "down"]


@pytest.mark.parametrize("theme", PAPER)
def test_numbers_are_readable_on_every_colour(theme):
    many = pd.concat([TABLE[:2].assign(block=f"{group}", group=group) for group in range(8)])
    figure = figures.shared_bases(many, theme=theme)
    for colour in figure.data[0].marker.color:
        *rgb, share = (float(part) for part in colour.removeprefix("rgba(").removesuffix(")").split(","))
        mixed = [share * one + (1 - share) * other for one, other in zip(rgb, channels(PAPER[theme]), strict=True)]
        assert contrast(figure.data[0].insidetextfont.color, "#" + "".join(f"{round(part):02X}" for part in mixed)) >= 4.5


def test_a_table_without_rows_is_an_empty_figure_and_a_wrong_one_is_refused():
    assert all(len(trace.y) == 0 for trace in figures.shared_bases(TABLE[:0]).data)
    for column in COLUMNS:
        with pytest.raises(ValueError, match=f"{column} missing.*labkit.compress.sharing"):
            figures.shared_bases(TABLE.drop(columns=column))
