"""A Plotly figure that is updated in place, for pages whose figures follow a slider."""

import shutil
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st

from common.words import plain
from labkit.files import atomic_path
from widgets import read

STATIC = Path(__file__).resolve().parents[2] / "static"

_component = st.components.v2.component("labkit_live_figure", js=read("figure/figure.js"), isolate_styles=False)


def live_figure(chart: go.Figure, reading: str, *, alt: str, key: str, value: object = None) -> None:
    """Draw `chart` over the full width and, below it, one line on how to read it.

    Parameters
    ----------
    chart : Figure
    reading : str
    alt : str
        For screen readers.
    key : str
        Identifies the plot that is updated.
    value : object
        Slider value of the figure; in the page as ``data-value``.
    """
    script = _plotly_script()
    if script is None:
        st.plotly_chart(chart, theme=None, width="stretch", alt=alt, config={"displayModeBar": False})
    else:
        data = {"figure": chart.to_json(), "plotly": script, "alt": alt, "height": chart.layout.height or 450}
        _component(data={**data, "value": value}, key=key)
    st.caption(f"How to read this: {plain(reading)}")


@st.cache_resource(show_spinner=False)
def _plotly_script() -> str | None:
    """Return the address of Plotly's script, which Streamlit serves from the folder ``static``; None where that is read-only."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = STATIC / f"plotly-{plotly.__version__}.min.js"
    try:
        if not target.is_file() or target.stat().st_size != source.stat().st_size:
            with atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
    except OSError:
        return None
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base + '/' if base else ''}app/static/{target.name}"
