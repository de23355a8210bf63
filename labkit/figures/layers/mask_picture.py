"""A mask as a PNG of five colours, small enough to send dozens of them."""

from __future__ import annotations

import base64
import io
from enum import IntEnum

import numpy as np
from PIL import Image

from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template


class Cell(IntEnum):
    """What a pixel shows; its index in the palette."""

    NOTHING = 0
    STAYS = 1
    NEW = 2
    GONE = 3
    EMPTY = 4


WORDS = {
    Cell.STAYS: "kept",
    Cell.NEW: "new",
    Cell.GONE: "removed",
    Cell.EMPTY: "empty neuron",
}


def cell_colours(theme: Theme) -> dict[Cell, str]:
    """Return the colour of each kind; NOTHING is transparent."""
    colours, layout = shades(theme), template(theme).layout
    new, gone = layout.colorway[1:3]
    return {Cell.STAYS: colours.ink, Cell.NEW: new, Cell.GONE: gone, Cell.EMPTY: layout.xaxis.gridcolor}


def cells(mask: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the kind of every weight, uint8 [outputs, inputs], from a mask and the previous one, both bool."""
    found = np.select([mask & before, mask, before], [Cell.STAYS, Cell.NEW, Cell.GONE], Cell.NOTHING).astype(np.uint8)
    empty = ~mask.any(axis=1, keepdims=True)
    return np.where(empty & (found == Cell.NOTHING), np.uint8(Cell.EMPTY), found)


def picture(found: np.ndarray, theme: Theme) -> str:
    """Return the kinds that `cells` returns as a PNG in a data URL, one pixel per weight."""
    colours = cell_colours(theme)
    image = Image.fromarray(found, "P")
    palette = [0, 0, 0]
    for kind in list(Cell)[1:]:
        palette += [int(colours[kind][i : i + 2], 16) for i in (1, 3, 5)]
    image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=4, transparency=int(Cell.NOTHING))
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
