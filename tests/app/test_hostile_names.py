"""Names of runs, classes, groups and files, and words in the address, that look like Markdown or HTML."""

import re
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import torch
from torch import nn

from labkit import audit, runs
from labkit.data import Split
from tests.app.conftest import dashboard

HOST = "outside.test"
PICTURE = f"![x](http://{HOST}/a.png)"
LINK = f"[free](http://{HOST}) https://{HOST}/b www.{HOST} me@{HOST}"
ODD = f"{PICTURE} {LINK} $a$ *b* `c` :red[d] :smile: <b>e</b> <a href='http://{HOST}'>f</a> %{{x}} &lt;"
# what Markdown would still make something of, once what is escaped is gone
MARKUP = re.compile(r"!?\[[^\]]*\]\(|\$[^$]+\$|\*b\*|`c`|:red\[|:smile:|<b>|<a |https?://|www\.outside|me@")


NO_TEXT = ("arrow_data_frame", "plotly_chart", "html", "bidi_component", "component")
# fields that hold what was typed or chosen, or that no one sees
TYPED = {
    "id",
    "key",
    "options",
    "value",
    "raw_value",
    "raw_values",
    "default",
    "placeholder",
    "alt",
    "page",
    "url",
    "query_params",
    "query_string",
    "columns",
    "column_order",
}


def constant(label, count):
    """A network that answers `label` whatever it is given."""
    network = nn.Linear(3, count)
    with torch.no_grad():
        network.weight.zero_()
        network.bias.copy_(torch.arange(count) == label)
    return network


@pytest.fixture(autouse=True)
def fresh():
    """The command line is read once a process."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two runs, all of whose names are odd."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    x = np.eye(3, dtype=np.float32)[labels] + 0.05 * generator.normal(size=(60, 3)).astype(np.float32)
    groups = pd.DataFrame({f"{ODD} who": np.where(np.arange(60) % 2, f"{ODD} m", f"{ODD} f")})
    split = Split(labels, classes=[f"{ODD} {n}" for n in range(3)], x=x, groups=groups)
    reference = nn.Linear(3, 3)
    with torch.no_grad():
        reference.weight.copy_(torch.eye(3))
        reference.bias.zero_()
    place = runs.Store(tmp_path_factory.mktemp("store") / "runs")
    for label in (0, 1):
        found = audit.audit(constant(label, 3), split, reference=reference)
        place.save(
            constant(label, 3), audit=found, config={"method": "condense", "model": ODD, "data": ODD, "seed": label, "note": ODD}
        )
    return place


def shown_as_markdown(app):
    """Every text of a page that Streamlit reads as Markdown."""
    for block in app.main.children.values():
        yield from _texts(block)


def _texts(node):
    proto = getattr(node, "proto", None)
    kind = getattr(node, "type", "")
    if hasattr(proto, "DESCRIPTOR") and kind not in NO_TEXT:
        yield from _fields(proto, kind)
    for child in getattr(node, "children", {}).values():
        yield from _texts(child)


def _fields(proto, kind):
    """Texts of a message that are drawn as Markdown: options of select boxes and what is typed are not."""
    for field, value in proto.ListFields():
        if field.name in TYPED and kind != "markdown":
            continue
        if field.type == field.TYPE_STRING:
            yield from ([value] if isinstance(value, str) else value)
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                if hasattr(part, "ListFields"):
                    yield from _fields(part, kind)


def left(text):
    """What of a text is mark-up: escaped signs and code are taken out first."""
    return MARKUP.findall(re.sub(r"(`+) ?.*?(?<!`)\1(?!`)", "", re.sub(r"\\[!-/:-@\[-`{-~]", "", text)))


# the elements of a page that lead to an address or load it
LINKED = """host => [...document.querySelectorAll("a, img, image, iframe, link, script")]
  .map(found => String(found.href?.baseVal ?? found.href ?? found.src ?? ""))
  .filter(address => address && new URL(address, location).host.includes(host))"""


ADDRESSES = {
    "compare": lambda ids: {"model": ODD, "run": ids[0], "with": ids[1], "class": f"{ODD} 1"},
    "per_class": lambda ids: {"model": ODD, "run": ids[0]},
    "live": lambda ids: {"model": "your own", "own-name": ODD, "own-data": ODD, "own-weights": ODD, "own": "open"},
    "training": lambda ids: {"model": ODD, "run": ODD},
}


@pytest.mark.parametrize("page", ADDRESSES)
def test_names_are_shown_as_they_are(app, monkeypatch, store, page):
    monkeypatch.setattr("sys.argv", ["main.py", "--store", str(store.folder)])
    app.run()
    app.switch_page(f"views/{page}/page.py")
    for name, value in ADDRESSES[page](store.ids()).items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    texts = list(shown_as_markdown(app))
    assert any("free" in text for text in texts), "the names are shown somewhere"
    assert {text: left(text) for text in texts if left(text)} == {}


def test_ordinary_headings_read_as_before(app):
    app.run().switch_page("views/live/page.py").run()
    headings = [heading.value for heading in app.header]
    assert any(heading.startswith("Which classes lose accuracy at ") for heading in headings)


@pytest.mark.browser
def test_nothing_outside_is_loaded_or_linked(store, desktop):
    asked = []
    desktop.on("request", lambda request: asked.append(request.url))
    one, two = store.ids()
    with dashboard(after=("--no-browser", "--store", str(store.folder)), page=desktop) as url:
        for page, more in (("per_class", {}), ("compare", {"with": two})):
            address = urlencode({"model": ODD, "run": one, **more})
            desktop.goto(f"{url}/{page}?{address}")
            desktop.locator(".js-plotly-plot .yaxislayer-above text, .js-plotly-plot .ytick text").first.wait_for()
            drawn = desktop.locator(".js-plotly-plot").first.evaluate("plot => plot.textContent")
            assert "![x](" in drawn
            assert desktop.evaluate(LINKED, HOST) == []
    assert [url for url in asked if HOST in url.partition("?")[0]] == []
