"""A sparse training in progress: active neurons of each layer, and accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.layers.layer_quantities import layer_title

COLUMNS = ("step", "layer", "active", "outputs")


@shows_names
def training_progress(
    layers: pd.DataFrame,
    *,
    accuracy: pd.Series | None = None,
    earlier: tuple[pd.Series, ...] = (),
    steps: int | None = None,
    least: float = 80.0,
    theme: Theme = "light",
) -> go.Figure:
    """Draw the share of active neurons of each layer over the steps and, below, the accuracy of this training and earlier ones.

    Parameters
    ----------
    layers : DataFrame, one row per (step, layer)
        Columns step, layer, active (neurons with connections), outputs (all neurons), as `Sparsifier.report` returns them.
    accuracy : Series, optional
        Step -> accuracy (fraction).
    earlier : tuple of Series
        The same of earlier trainings, drawn grey.
    steps : int, optional
        Length of the training, for the axis; by default the last step of the table.
    least : float
        Lower end of the axis of accuracy, in percent.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One trace per layer, then "earlier" and "accuracy"; their number does not depend on how far the training is.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(layers, COLUMNS, figure="training_progress", advice="concatenate reports of a sparsifier, with the step of each")
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    for name, rows in layers.groupby("layer", sort=False):
        share = PERCENT * rows["active"].astype(float) / rows["outputs"].astype(float)
        figure.add_scatter(x=rows["step"], y=share, name=layer_title(str(name)), mode="lines", row=1, col=1)
    gap = pd.Series({np.nan: np.nan})
    before = pd.concat([part for line in earlier for part in (line, gap)]) if earlier else gap
    now = gap if accuracy is None else accuracy
    for name, line, colour in (("earlier", before, shades(theme).quiet), ("accuracy", now, shades(theme).ink)):
        at, values = line.index.to_numpy(float), PERCENT * line.to_numpy(float)
        figure.add_scatter(x=at, y=values, name=name, mode="lines", line={"color": colour}, showlegend=False, row=2, col=1)
    figure.update_xaxes(range=[0, steps if steps is not None else max([*layers["step"], 1])])
    figure.update_xaxes(title_text="step", row=2)
    figure.update_yaxes(title_text="active (%)", range=[0, 105], row=1)
    figure.update_yaxes(title_text="accuracy (%)", range=[least, 100], row=2)
    return figure.update_layout(template=template(theme), height=360, uirevision="training_progress")
