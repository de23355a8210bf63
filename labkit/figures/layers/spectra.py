"""Singular values of matrices, and the error of their best approximations of low rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT

Spectrum = Literal["values", "lost"]
DASHES = ("dot", "dash", "dashdot")
TITLES = {"values": "singular value (% of the norm)", "lost": "squared error at this rank (%)"}
X_TITLES = {"values": "singular value, in order", "lost": "rank kept"}


@shows_names
def spectra(values: pd.DataFrame, *, what: Spectrum = "values", guides: Sequence[str] = (), theme: Theme = "light") -> go.Figure:
    """Draw one line per matrix: its singular values, or the squared error of its best approximation of each rank.

    Parameters
    ----------
    values : DataFrame, one column per matrix
        Singular values in descending order; shorter columns end in NaN.
    what : {"values", "lost"}
        "values": singular values in percent of the Frobenius norm of the matrix. "lost": squared error in percent of the squared
        norm, from 100 at rank 0 to 0 at full rank.
    guides : sequence of str
        Columns to compare with, drawn grey and dashed.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When `what` or a guide is unknown, or singular values are missing, negative, all zero or not in order.

    References
    ----------
    Eckart & Young, "The approximation of one matrix by another of lower rank", Psychometrika 1936.

    Examples
    --------
    >>> spectra(pd.DataFrame({"W": [4.0, 3.0]}), what="lost").data[0].y.round(3).tolist()
    [100.0, 36.0, 0.0]
    """
    if what not in TITLES:
        raise ValueError(f"what must be one of {', '.join(TITLES)}, got {what!r}")
    unknown = [name for name in guides if name not in values.columns]
    if unknown:
        raise ValueError(f"guides must be columns of the frame ({', '.join(map(str, values.columns))}), got {unknown[0]!r}")
    quiet, palette = shades(theme).quiet, template(theme).layout.colorway
    figure, solid = go.Figure(), [name for name in values.columns if name not in guides]
    for name in values.columns:
        sizes = _checked(values[name])
        x, y = (np.arange(len(sizes) + 1), _lost(sizes)) if what == "lost" else (np.arange(1, len(sizes) + 1), _shares(sizes))
        if name in guides:
            line = {"color": quiet, "width": 2, "dash": DASHES[list(guides).index(name) % len(DASHES)]}
        else:
            line = {"color": palette[solid.index(name) % len(palette)], "width": 2.5}
        said = f"<b>{name}</b><br>%{{y:.1f}} % at %{{x}}<extra></extra>"
        figure.add_trace(go.Scatter(x=x, y=y, name=str(name), mode="lines", line=line, hovertemplate=said))
    figure.update_layout(
        template=template(theme),
        height=420,
        uirevision=f"spectra {what}",
        showlegend=True,
        # two entries per row at any width, so that the plots of two figures side by side have the same height
        legend={"entrywidthmode": "fraction", "entrywidth": 0.5},
        xaxis={"title": {"text": X_TITLES[what]}},
        yaxis={"title": {"text": TITLES[what]}, "rangemode": "tozero"},
    )
    return figure


def _checked(column: pd.Series) -> np.ndarray:
    sizes = column.dropna().to_numpy(float)
    if not len(sizes) or sizes[0] <= 0 or (sizes < 0).any() or (np.diff(sizes) > 0).any():
        raise ValueError(f"{column.name} must hold singular values, the largest first, none negative and not all zero")
    return sizes


def _shares(sizes: np.ndarray) -> np.ndarray:
    return PERCENT * sizes / np.sqrt((sizes**2).sum())


def _lost(sizes: np.ndarray) -> np.ndarray:
    kept = np.concatenate([[0.0], (sizes**2).cumsum()])
    return PERCENT * (1 - kept / kept[-1])
