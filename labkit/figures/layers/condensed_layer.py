"""A layer with fixed fan-in beside its condensed form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template

LIMIT = 0.4  # weights from here on have the full colour


@shows_names
def condensed_layer(parts: Mapping[str, np.ndarray], *, theme: Theme = "light") -> go.Figure:
    """Draw small matrices side by side with their numbers, shapes and bytes.

    Parameters
    ----------
    parts : mapping of str to ndarray
        Title -> matrix, e.g. the masked weight [N, D], the condensed weights [N, K] and their index [N, K]. Integers are drawn
        without colour; zeros of floats are blank.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One heat map per matrix.

    Raises
    ------
    ValueError
        Without a matrix.
    """
    if not parts:
        raise ValueError("condensed_layer needs at least one matrix")
    titles = [f"<b>{name}</b> {len(part)} × {part.shape[1]}, {part.nbytes} bytes" for name, part in parts.items()]
    figure, scale = make_subplots(1, len(parts), subplot_titles=titles, horizontal_spacing=0.03), shades(theme).signed
    for column, part in enumerate(parts.values(), start=1):
        whole = np.issubdtype(part.dtype, np.integer)
        text = part.astype(str) if whole else np.where(part == 0, "", np.char.mod("%.2f", part))
        look = {"colorscale": scale, "zmin": -LIMIT, "zmax": LIMIT, "showscale": False, "xgap": 3, "ygap": 3}
        values = np.zeros(part.shape) if whole else part
        figure.add_heatmap(z=values, text=text, texttemplate="%{text}", hoverinfo="skip", row=1, col=column, **look)
    widest = max(part.shape[1] for part in parts.values())
    figure.update_xaxes(range=[-0.5, widest - 0.5], dtick=1, showgrid=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", dtick=1, showgrid=False, fixedrange=True)
    return figure.update_layout(template=template(theme), height=300)
