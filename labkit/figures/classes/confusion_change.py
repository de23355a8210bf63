"""Change of the confusion matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.heatmap import cells, full_colour, saturation
from labkit.figures.base.largest import largest, left_out
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import short, signed

MOST_TEXT = 16


@shows_names
def confusion_change(change: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw how many more examples of each class are now predicted as each class: orange is worse, blue better.

    Always one trace. An increase is worse off the diagonal and better on it. Zeros are blank.

    Parameters
    ----------
    change : DataFrame of int [C, C]
        Confusion matrix of the model minus that of the reference, in examples: true classes in rows, predictions in columns.
        Of more than 100 classes the 100 with the most changes are drawn.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When the table is not square, or rows and columns name different classes.
    """
    classes = [str(name) for name in change.index]
    if not classes or classes != [str(name) for name in change.columns]:
        raise ValueError(
            f"confusion_change needs the same classes in rows and columns, got a table of {change.shape[0]} by {change.shape[1]};"
            " subtract two Audit.confusion tables"
        )
    whole = np.abs(change.to_numpy())
    total, kept = len(classes), largest((whole.sum(axis=0) + whole.sum(axis=1)).astype(float))
    classes, counts = [classes[place] for place in kept], change.to_numpy()[np.ix_(kept, kept)].astype(float)
    harm = np.where(np.eye(len(classes), dtype=bool), -counts, counts) + 0.0
    limit = saturation(harm[harm != 0])
    colours = shades(theme)
    figure = go.Figure(
        cells(
            harm,
            rows=classes,
            columns=classes,
            text=_texts(counts),
            hover=_sentences(counts, classes),
            limit=limit,
            scale=colours.diverging_down,
            title=f"examples: blue is better, orange worse<br>{full_colour(harm, limit)}",
            colours=colours,
        )
    )
    # the sign on the bar would be that of the harm, not of the count: its ends say how many examples
    figure.update_traces(colorbar={"tickvals": [-limit, 0, limit], "ticktext": [f"{limit:g}", "0", f"{limit:g}"]})
    ticks = {"type": "category", "showgrid": False, "tickvals": classes, "ticktext": [short(name, 14) for name in classes]}
    figure.update_layout(
        template=template(theme),
        height=210 + 32 * max(4, len(classes)),
        uirevision="confusion_change",
        xaxis={**ticks, "title": {"text": "predicted class" + left_out(total, len(classes))}},
        yaxis={**ticks, "title": {"text": "true class"}, "autorange": "reversed"},
    )
    return figure


def _texts(counts: np.ndarray) -> np.ndarray:
    if len(counts) > MOST_TEXT:
        return np.full(counts.shape, "", dtype=object)
    return np.vectorize(lambda count: signed(count, 0) if count else "", otypes=[object])(counts)


def _sentences(counts: np.ndarray, classes: list[str]) -> np.ndarray:
    return np.array(
        [
            [_sentence(int(count), label, predicted) for predicted, count in zip(classes, row, strict=True)]
            for label, row in zip(classes, counts, strict=True)
        ],
        dtype=object,
    )


def _sentence(count: int, label: str, predicted: str) -> str:
    amount = "as many as before" if count == 0 else f"{abs(count)} {'more' if count > 0 else 'fewer'} than before"
    return f"<b>{label}</b> " + ("recognised" if label == predicted else f"taken for <b>{predicted}</b>") + f":<br>{amount}"
