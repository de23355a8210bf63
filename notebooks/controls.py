"""What every notebook wires the same way: a slider that draws while it is dragged, answers from the background, cards."""

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from IPython.display import HTML, display

from labkit.audit import Headline
from labkit.live import Latest

# the figures' ink is dark: they need white paper also where JupyterLab is dark
STYLE = """<style>
.jp-OutputArea .js-plotly-plot {background: #fff}
.labkit-cards {display: flex; flex-wrap: wrap; gap: 8px; line-height: 1.35}
.labkit-cards div {flex: 1 1 118px; padding: 6px 10px; border: 1px solid var(--jp-border-color2, #ccc); border-radius: 6px}
.labkit-cards span {display: block; font-size: 12px; opacity: 0.75}
.labkit-cards strong {font-size: 18px; white-space: nowrap}
.labkit-cards .good {color: #00704f; opacity: 1} .labkit-cards .bad {color: #b34700; opacity: 1}
[data-jp-theme-light="false"] .labkit-cards .good {color: #3fc79a} [data-jp-theme-light="false"] .labkit-cards .bad {color: #f0883e}
</style>"""
display(HTML(STYLE))


def live_slider(label: str, steps: Iterable[float], start: float, draw: Callable[[float], Any]) -> widgets.SelectionSlider:
    """Return a slider over `steps` that calls ``draw(step)`` now and at every move, by mouse or arrow key, also while it is dragged.

    While `draw` works the browser holds later moves back and then sends the last of them alone, so a slow `draw` never lags behind.
    """
    steps = [float(step) for step in steps]
    digits = max(len(f"{step:.6f}".rstrip("0").partition(".")[2]) for step in steps)
    slider = widgets.SelectionSlider(
        options=[(f"{step:.{digits}f}", step) for step in steps],
        value=min(steps, key=lambda step: abs(step - start)),
        description=label,
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "100%"},
    )
    slider.observe(lambda move: draw(move["new"]), "value")
    draw(slider.value)
    return slider


def follow(latest: Latest, draw: Callable[[Any], None]) -> widgets.HTML:
    """Call ``draw(progress)`` for every new answer of `latest`; return a line that says how many examples are in it, or what failed."""
    line, source = widgets.HTML("&nbsp;"), weakref.ref(latest)
    threading.Thread(target=_follow, args=(source, draw, line), daemon=True).start()
    return line


def _follow(source: weakref.ref, draw: Callable[[Any], None], line: widgets.HTML) -> None:
    drawn = None
    while (latest := source()) is not None:  # ends when the cell is run again and makes another
        try:
            found = latest.newest(0.5)
            if found is not None and found is not drawn:
                draw(found)
                line.value = _so_far(found)
                drawn = found
        except Exception as error:  # e.g. layers that do not exist: say it where the reader looks
            line.value = f"<b>{escape(str(error))}</b>"
        del latest


def _so_far(progress: Any) -> str:
    if progress.exact:
        return f"Exact: all {progress.total:,} examples."
    return f"So far {progress.examples:,} of {progress.total:,} examples; the intervals narrow as more come in."


def cards(lines: Sequence[Headline]) -> str:
    """Return HTML with a card a headline; hover over one to read what it means."""
    return f'<div class="labkit-cards">{"".join(_card(line) for line in lines)}</div>'


def _card(line: Headline) -> str:
    tone = line.tone if line.delta else ""
    strong = "" if line.delta else f' class="{line.tone}"'
    title, value, delta, help_ = (escape(text) for text in (line.title, line.value, line.delta, line.help))
    return f'<div title="{help_}"><span>{title}</span><strong{strong}>{value}</strong><span class="{tone}">{delta or "&nbsp;"}</span></div>'


def beside(*shown: go.FigureWidget) -> widgets.GridBox:
    """Lay figures out side by side, as wide as the page allows."""
    columns = f"repeat({len(shown)}, minmax(0, 1fr))"
    return widgets.GridBox(shown, layout={"grid_template_columns": columns, "width": "100%"})
