"""The tour in a real JupyterLab and a real Chromium, started with the command of `make notebooks`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from labkit import data, live
from labkit.live import key_of, load_grid

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
READ = """panel => {
  const [bars, curve] = [...panel.querySelectorAll('.js-plotly-plot')];
  const marker = curve._fullData[4], [within, affected] = bars._fullData;
  const missing = x => x === null || Number.isNaN(x);
  return {
    value: panel.querySelector('.widget-readout').textContent,
    accuracy: panel.querySelector('.labkit-cards strong').textContent,
    marker: [marker.x[0], marker.y[0]],
    bars: Array.from(within.x, (x, i) => missing(x) ? affected.x[i] : x),
    fits: [bars, curve].map(plot => plot.clientWidth === plot._fullLayout.width),
  };
}"""

ALL_RAN = """() => {
  const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(node => node.textContent.trim());
  return prompts.length && prompts.every(text => !text || /^\\[\\d+\\]:$/.test(text));
}"""
WRITE_DOWN = """line => {
  const parent = line.closest('.widget-vbox');
  const texts = () => [...parent.querySelectorAll('.widget-html-content')].map(node => node.textContent);
  const read = () => texts().find(text => /^(So far|Exact)/.test(text));
  let last = read();
  window.said = [];
  new MutationObserver(() => {
    if (read() && read() !== last) said.push(last = read());
  }).observe(parent, {childList: true, subtree: true, characterData: true});
}"""


def command(port):
    """What `make notebooks` runs, on a free port and without a token."""
    printed = subprocess.run(["make", "-n", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in printed.splitlines() if "jupyter lab" in line]
    assert ("--allow-root" in line) == (os.geteuid() == 0)
    line = line.replace(".venv/bin/jupyter", str(ROOT / ".venv" / "bin" / "jupyter"))
    return f"exec env {line} --no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=''"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the notebooks, for a newcomer: nothing in HOME. The server's address."""
    place = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", place / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG_"))}
    own |= {"HOME": str(place), "OMP_NUM_THREADS": "1"}
    log = (place / "log.txt").open("w")
    process = subprocess.Popen(
        ["bash", "-c", command(port)], cwd=place, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    url, deadline = f"http://localhost:{port}", time.monotonic() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/api", timeout=2)
                break
            except OSError:
                said = (place / "log.txt").read_text()
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.2)
        yield url
        assert "rate exceeded" not in (place / "log.txt").read_text()  # the server would drop what figures are sent
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def page(lab, browser):
    """The tour, running; fails at the end on console errors and on requests that would leave this machine."""
    page, wrong = browser.new_page(viewport={"width": 1440, "height": 1000}), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    local = ("http://localhost:", "ws://localhost:", "data:", "blob:", "about:")
    page.on("request", lambda request: None if request.url.startswith(local) else wrong.append(request.url))
    page.goto(f"{lab}/lab/tree/00_tour.ipynb")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    asked = page.locator(".jp-Dialog, .Toastify__toast").count()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    assert not asked, "JupyterLab asks something at the first start"
    yield page
    page.close()
    assert not wrong


@pytest.fixture(scope="module")
def tour():
    """What the library says: the shipped grid of section 3, its session, the test images."""
    split = data.load("fashion_mnist").test
    place = live.session("vit_fashion", split)
    grid = load_grid(key_of("condense", {"layers": "inner"}, place.sha, place.data))
    return grid, place, split


@pytest.fixture(scope="module")
def panel(page):
    """Slider, cards and two figures of section 3."""
    panel = page.locator(".jp-OutputArea-output", has=page.locator(".labkit-cards")).first
    panel.wait_for(timeout=120_000)
    page.wait_for_function(
        "panel => panel.querySelectorAll('.js-plotly-plot .main-svg').length > 3", arg=panel.element_handle(), timeout=60_000
    )
    page.wait_for_function(ALL_RAN, timeout=120_000)  # then JupyterLab scrolls no more
    panel.locator(".noUi-handle").scroll_into_view_if_needed()
    return panel


def shown(page, panel, other_than=None):
    """Read slider, cards and figures once they agree, as they do when a draw is over."""
    deadline = time.monotonic() + 20
    while True:
        read = panel.evaluate(READ)
        value = float(read["value"])
        if value != other_than and read["marker"][0] == pytest.approx(value) and f"{read['marker'][1]:.2f} %" == read["accuracy"]:
            return value, read
        assert time.monotonic() < deadline, f"figures do not follow the slider: {read}"
        page.wait_for_timeout(20)


def agree(read, value, tour):
    """Whether cards and both figures show what the library says of this slider value."""
    grid, place, split = tour
    assert grid.holds(value)
    accuracy = 100 * grid.summary(value)["accuracy"]
    assert read["accuracy"] == f"{accuracy:.2f} %"
    assert read["marker"] == pytest.approx([value, accuracy])
    change = grid.audit(value, split, place.whole_reference()).per_class["change"]
    np.testing.assert_allclose(read["bars"], 100 * change, atol=1e-9)


def test_figures_are_as_wide_as_their_place(page, panel, tour):
    page.wait_for_function(f"panel => ({READ})(panel).fits.every(Boolean)", arg=panel.element_handle(), timeout=20_000)
    agree(panel.evaluate(READ), 0.5, tour)


def test_figures_follow_the_mouse_while_it_is_held(page, panel, tour):
    panel.locator(".noUi-handle").hover()  # scrolls there, and waits until the page rests
    track = panel.locator(".noUi-base").bounding_box()
    y = track["y"] + track["height"] / 2
    page.mouse.down()
    seen, value = {}, float(panel.evaluate(READ)["value"])
    for share in (0.2, 0.45, 0.6, 0.75, 0.95, 0.3):
        page.mouse.move(track["x"] + share * track["width"], y, steps=6)
        value, read = shown(page, panel, other_than=value)
        seen[value] = read
    page.mouse.up()
    assert len(seen) == 6
    assert len({read["accuracy"] for read in seen.values()}) == 6
    for value, read in seen.items():
        agree(read, value, tour)
    value, read = shown(page, panel)
    agree(read, value, tour)


def test_figures_follow_the_keyboard(page, panel, tour):
    before, _ = shown(page, panel)
    panel.locator(".noUi-handle").focus()
    for step in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        value, read = shown(page, panel, other_than=round(before + 0.01 * (step - 1), 2))
        assert value == pytest.approx(before + 0.01 * step)
        agree(read, value, tour)


def test_off_the_grid_first_figures_come_early_and_a_newer_move_cancels(page, panel):
    """Section 4: the line under the second slider tells how many images are in what is shown."""
    line = page.get_by_text(re.compile(r"^(So far|Exact)")).first
    line.wait_for(timeout=120_000)
    handle = page.locator(".jp-OutputArea-output", has=line).locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    line.evaluate(WRITE_DOWN)
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("said.some(text => text.startsWith('So far 512 '))", timeout=30_000)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("said.filter(text => text.startsWith('So far 256 ')).length === 2", timeout=30_000)
    said = page.evaluate("said")
    assert said[0] == "So far 256 of 10,000 examples; the intervals narrow as more come in."
    assert not any(text.startswith("Exact") for text in said)  # the first question was never answered to the end
