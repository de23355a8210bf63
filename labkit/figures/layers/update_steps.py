"""One update of SRigL on a small layer, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template

ARRAYS = ("weight", "gradient", "mask", "by_weight", "by_gradient", "active", "kept", "grown")
LIGHT = {"weight": "#D9BDF7", "gradient": "#A6DEC6", "both": "#7F9C9A", "gone": "#E590BE", "none": "#E3E3E3"}
DARK = {"weight": "#5A3A8C", "gradient": "#1F6F57", "both": "#3C6A78", "gone": "#9C3A70", "none": "#3A3F48"}
PAPER = {"light": {"": "#FFFFFF", "there": "#EEF2F6"}, "dark": {"": "#14181F", "there": "#262C36"}}


@shows_names
def update_steps(arrays: Mapping[str, Any], *, theme: Theme = "light") -> go.Figure:
    """Draw weights, gradients and the four steps of an update in six panels: salient, ablated, pruned, grown.

    Parameters
    ----------
    arrays : mapping of str to array
        As ``labkit.sparsify.walkthrough.srigl_steps(...)._asdict()``: weight, gradient [N, D]; mask, by_weight, by_gradient, kept,
        grown, bool [N, D]; active, bool [N].
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        Six heat maps: violet for connections kept for their weight, green for those of large gradient, pink for pruned ones, grey
        for ablated neurons. Beside the third panel is the number of salient entries of each neuron.

    Raises
    ------
    ValueError
        When an array is missing.
    """
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise ValueError(f"update_steps needs the arrays {', '.join(ARRAYS)}; {', '.join(missing)} missing")
    kinds = {**PAPER["light" if theme == "light" else "dark"], **(LIGHT if theme == "light" else DARK)}
    found = _panels(*(np.asarray(arrays[name]) for name in ARRAYS))
    figure = make_subplots(2, 3, subplot_titles=list(found), horizontal_spacing=0.05, vertical_spacing=0.12)
    scale = [[place / (len(kinds) - 1), colour] for place, colour in enumerate(kinds.values())]
    for place, (colours, values, written) in enumerate(found.values()):
        kind = np.zeros(values.shape)
        for name, entries in colours.items():
            kind[entries] = [*kinds].index(name)
        text = np.where(written, np.char.mod("%.1f", values + 0.0), "")  # + 0.0: no minus before a zero
        look = {"colorscale": scale, "zmin": 0, "zmax": len(kinds) - 1, "showscale": False, "xgap": 2, "ygap": 2}
        where = {"row": place // 3 + 1, "col": place % 3 + 1}
        figure.add_heatmap(z=kind, text=text, texttemplate="%{text}", hoverinfo="skip", **look, **where)
    counts = (np.asarray(arrays["by_weight"]) | np.asarray(arrays["by_gradient"])).sum(1)
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", dtick=1, showgrid=False, fixedrange=True)
    figure.update_yaxes(side="right", tickvals=[*range(len(counts))], ticktext=counts.tolist(), row=1, col=3)
    return figure.update_layout(template=template(theme), height=520)


def _panels(
    weight: np.ndarray,
    gradient: np.ndarray,
    mask: np.ndarray,
    by_weight: np.ndarray,
    by_gradient: np.ndarray,
    active: np.ndarray,
    kept: np.ndarray,
    grown: np.ndarray,
) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
    """Return title -> (kind -> entries, later ones on top of earlier ones; numbers; where they are written)."""
    everywhere = np.ones_like(mask)
    off = np.broadcast_to(~active[:, None], mask.shape)
    salient = {"weight": by_weight, "gradient": by_gradient, "both": by_weight & by_gradient}
    return {
        "weights, largest in violet": ({"there": mask, "weight": by_weight}, weight, mask),
        "gradients, largest in green": ({"there": everywhere, "gradient": by_gradient}, gradient, everywhere),
        "1 salient, and their number": (salient, weight, by_weight),
        "2 ablated": ({**salient, "none": off}, weight, by_weight & ~off),
        "3 pruned, in pink": ({"none": off, "gone": mask & ~kept, "weight": kept}, weight, mask),
        "4 grown": ({"none": off, "weight": kept, "gradient": grown & ~kept}, weight, grown),
    }
