"""Widgets of the notebooks: sliders that draw while dragged, responsive figures, answers from the background."""

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go
from IPython.display import HTML

from labkit.audit import Headline
from labkit.live import Latest, Progress

# White background also in a dark JupyterLab, because the figures use dark text. A FigureWidget is drawn before it is
# on the page, so it is resized once it is there. It must not report that to Python, or the next redraw undoes it.
PAGE = """<style>
.jp-OutputArea .js-plotly-plot {background: #fff}
.labkit-cards {display: flex; flex-wrap: wrap; gap: 8px; line-height: 1.35}
.labkit-cards div {flex: 1 1 122px; padding: 6px 10px; border-radius: 6px; border: 1px solid var(--jp-border-color2)}
.labkit-cards span {display: block; font-size: 12px; opacity: 0.75}
.labkit-cards strong {font-size: 18px; white-space: nowrap}
.labkit-cards .good {color: #005a9c; opacity: 1}
.labkit-cards .bad {color: #b34700; opacity: 1}
[data-jp-theme-light="false"] .labkit-cards .good {color: #6cb8f0}
[data-jp-theme-light="false"] .labkit-cards .bad {color: #f0883e}
</style>
<script>
if (!window.labkitFit) {
  window.labkitFit = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
  document.addEventListener("plotlywidget-after-render", ({detail}) => {
    detail.element.removeAllListeners("plotly_relayout");
    window.labkitFit.observe(detail.element);
  });
}
</script>"""


def page() -> HTML:
    """Return the styles and scripts for figures and cards; show it once, in the first cell."""
    return HTML(PAGE)


def live_figure() -> go.FigureWidget:
    """Return an empty figure as wide as its container; fill it with `labkit.figures.redraw`."""
    figure = go.FigureWidget()
    figure._config = {"responsive": True, "displayModeBar": False}
    return figure


def side_by_side(*shown: widgets.DOMWidget) -> widgets.GridBox:
    """Lay figures out in a row, or below each other where the page is narrow."""
    return widgets.GridBox(
        shown,
        layout={"grid_template_columns": "repeat(auto-fit, minmax(min(100%, 330px), 1fr))", "width": "100%"},
    )


def live_slider(
    label: str, steps: Iterable[float], start: float, draw: Callable[[float], Any]
) -> widgets.SelectionSlider:
    """Return a slider over `steps` that calls ``draw(step)`` now and at every move, by mouse or arrow key.

    It does so also while it is dragged. While `draw` is running the browser keeps only the newest value, so that no
    queue builds up.
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
    return _draw_on(slider, draw)


def live_choice(options: Iterable[str], draw: Callable[[str], Any]) -> widgets.ToggleButtons | widgets.HTML:
    """Return buttons that call ``draw(option)``, now with the first one; a note where there are no options."""
    options = list(options)
    if not options:
        return widgets.HTML("No results yet: <code>make bench</code> measures them, and takes hours.")
    return _draw_on(widgets.ToggleButtons(options=options, style={"button_width": "auto"}), draw)


def _draw_on(control: Any, draw: Callable[[Any], Any]) -> Any:
    control.observe(lambda move: draw(move["new"]), "value")
    draw(control.value)
    return control


def _so_far(progress: Progress) -> str:
    if progress.exact:
        return f"Exact: all {progress.total:,} examples."
    return f"So far {progress.examples:,} of {progress.total:,} examples; the intervals narrow as more come in."


def follow(latest: Latest, draw: Callable[[Any], None], tell: Callable[[Any], str] = _so_far) -> widgets.HTML:
    """Call ``draw(answer)`` for the first answer of `latest` now, and in the background for each later one.

    Return a line with ``tell(answer)``, by default the number of examples it is based on, or with the error message.
    """
    line = widgets.HTML("&nbsp;")

    def show(answer: Any) -> None:
        draw(answer)
        line.value = tell(answer)

    # wait for it: a figure that is empty when it is displayed would not keep its width
    first = latest.newest(30)
    if first is not None:
        show(first)
    threading.Thread(target=_follow, args=(weakref.ref(latest), show, line, first), daemon=True).start()
    return line


def _follow(source: weakref.ref, show: Callable[[Any], None], line: widgets.HTML, shown: Any) -> None:
    while (latest := source()) is not None:  # until the cell is run again and replaces it
        try:
            found = latest.newest()
            if found is not None and found is not shown:
                show(found)
                shown = found
        except Exception as error:  # e.g. a layer that does not exist; shown where the reader looks
            line.value = f"<b>{escape(str(error))}</b>"
        del latest
        time.sleep(0.03)


def facts(values: Mapping[str, tuple[str, str]]) -> str:
    """Return HTML with a card for each title -> (value, line below it)."""
    return cards([Headline(title, title, value, below, "neutral", title) for title, (value, below) in values.items()])


def results(name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return `columns` of the rows of a benchmark in ``benchmarks/results``; no rows where it has not been run."""
    path = Path("../benchmarks/results") / f"{name}.json"
    rows = pd.DataFrame(json.loads(path.read_text())["rows"] if path.is_file() else [])
    return rows.reindex(columns=list(columns))


def cards(lines: Sequence[Headline]) -> str:
    """Return HTML with one card per headline; hover over one for its meaning."""
    return f'<div class="labkit-cards">{"".join(_card(line) for line in lines)}</div>'


def _card(line: Headline) -> str:
    title, value, delta, help_ = (escape(text) for text in (line.title, line.value, line.delta, line.help))
    of_value, of_delta = ("", line.tone) if delta else (line.tone, "")
    body = f'<strong class="{of_value}">{value}</strong><span class="{of_delta}">{delta or "&nbsp;"}</span>'
    return f'<div title="{help_}"><span>{title}</span>{body}</div>'
