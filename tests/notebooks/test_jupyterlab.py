"""The notebooks in a real JupyterLab and a real Chromium, started with the command of `make notebooks`."""

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from labkit import compress, data, live, models, sparsify
from labkit.live import key_of, load_grid
from labkit.training import accuracy

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
READ = """panel => {
  const [bars, curve] = [...panel.querySelectorAll('.js-plotly-plot')];
  const marker = curve._fullData[4], verdicts = bars._fullData; // a trace a verdict
  const given = x => x !== null && !Number.isNaN(x);
  return {
    value: panel.querySelector('.widget-readout').textContent,
    accuracy: panel.querySelector('.labkit-cards strong').textContent,
    marker: [marker.x[0], marker.y[0]],
    bars: Array.from(verdicts[0].x, (_, i) => verdicts.map(trace => trace.x[i]).find(given)),
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

MOMENT = re.compile(r"^\w+, every \d+.*: (step (\d+) of|all) (\d+)")
ANEW = 60  # a busy machine may not draw the very first moments
FILM = """panel => {
  const number = text => Number(text.replace('×', ''));
  const moment = () => ({
    line: [...panel.querySelectorAll('.widget-html-content')].map(node => node.textContent).find(text => /, every /.test(text)),
    cards: [...panel.querySelectorAll('.labkit-cards strong')].map(node => number(node.textContent)),
  });
  window.film = [moment()];
  window.density = () => Array.from(panel.querySelector('.js-plotly-plot')._fullData[0].z, row => Array.from(row));
  new MutationObserver(() => {
    const now = moment();
    if (now.line && now.line !== film.at(-1).line) film.push(now);
  }).observe(panel, {childList: true, subtree: true, characterData: true});
}"""

SHARED = """([panel, rank]) => {
  const cards = [...panel.querySelectorAll('.labkit-cards strong')].map(node => node.textContent);
  const [shared, over] = panel.querySelectorAll('.js-plotly-plot');
  return cards[0] === String(rank) && !cards.includes('…') && shared._fullData[1].text.length === 1
    && shared._fullData[1].text[0] === `rank ${rank}` && `${over._fullData[0].y.at(-1).toFixed(2)} %` === cards[2];
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
    url, deadline = f"http://localhost:{port}", time.monotonic() + 300
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
            process.wait(timeout=120)


@contextmanager
def opened(browser, address, run):
    """A notebook, running; fails at the end on console errors and on requests that would leave this machine."""
    page, wrong = browser.new_page(viewport={"width": 1440, "height": 1000}), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    local = ("http://localhost:", "ws://localhost:", "data:", "blob:", "about:")
    page.on("request", lambda request: None if request.url.startswith(local) else wrong.append(request.url))
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=300_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=300_000)
    asked = page.locator(".jp-Dialog, .Toastify__toast").count()
    run(page)
    assert not asked, "JupyterLab asks something at the first start"
    yield page
    page.close()
    assert not wrong


def choose(page, what):
    """An entry of the menu Run."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=what, exact=True).click()


def until(heading):
    """What runs the cells above a heading."""

    def run(page):
        page.get_by_role("heading", name=heading).click()
        choose(page, "Run All Above Selected Cell")

    return run


@pytest.fixture(scope="module")
def page(lab, browser):
    with opened(browser, f"{lab}/lab/tree/00_tour.ipynb", lambda page: choose(page, "Run All Cells")) as page:
        yield page


@pytest.fixture(scope="module")
def training(lab, browser):
    """Notebook 02 as far as its live training, in a workspace of its own; the panel with sliders and figures."""

    before = until("4. Distributing the sparsity over layers")
    with opened(browser, f"{lab}/lab/workspaces/training/tree/02_dynamic_sparse_training.ipynb", before) as page:
        line = page.get_by_text(MOMENT).first
        line.wait_for(timeout=300_000)
        panel = page.locator(".jp-OutputArea-output", has=line)
        page.wait_for_function(
            "panel => panel.querySelectorAll('.js-plotly-plot .main-svg').length > 5", arg=panel.element_handle(), timeout=300_000
        )
        page.get_by_text(re.compile(r"all \d+ steps$")).first.wait_for(timeout=300_000)
        panel.locator(".noUi-handle").first.scroll_into_view_if_needed()
        panel.evaluate(FILM)
        yield page, panel


@pytest.fixture(scope="module")
def sharing(lab, browser):
    """Notebook 03 as far as its sliders, in a workspace of its own; the panel with sliders and figures."""

    before = until("7. A short fit, and two kinds of error")
    with opened(browser, f"{lab}/lab/workspaces/sharing/tree/03_fips.ipynb", before) as page:
        line = page.get_by_text("1,000 test images", exact=True)
        line.wait_for(timeout=180_000)
        panel = page.locator(".jp-OutputArea-output", has=line)
        panel.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=300_000)
        yield page, panel


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
    panel.wait_for(timeout=300_000)
    page.wait_for_function(
        "panel => panel.querySelectorAll('.js-plotly-plot .main-svg').length > 3", arg=panel.element_handle(), timeout=300_000
    )
    page.wait_for_function(ALL_RAN, timeout=300_000)  # then JupyterLab scrolls no more
    panel.locator(".noUi-handle").scroll_into_view_if_needed()
    return panel


def shown(page, panel, other_than=None):
    """Read slider, cards and figures once they agree, as they do when a draw is over."""
    deadline = time.monotonic() + 300
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
    page.wait_for_function(f"panel => ({READ})(panel).fits.every(Boolean)", arg=panel.element_handle(), timeout=300_000)
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
    line.wait_for(timeout=300_000)
    handle = page.locator(".jp-OutputArea-output", has=line).locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    line.evaluate(WRITE_DOWN)
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("said.some(text => text.startsWith('So far 512 '))", timeout=300_000)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("said.filter(text => text.startsWith('So far 256 ')).length === 2", timeout=300_000)
    said = page.evaluate("said")
    assert said[0] == "So far 256 of 10,000 examples; the intervals narrow as more come in."
    assert not any(text.startswith("Exact") for text in said)  # the first question was never answered to the end


def setting_and_step(line):
    """What stands under the sliders, as ("srigl, every 25, gamma_sal 0.7", 140)."""
    found = MOMENT.match(line)
    assert found, line
    return line.split(":")[0], int(found[2] or found[3])


def test_connections_move_while_a_network_learns(training):
    page, panel = training
    panel.locator(".noUi-handle").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("film.length > 3", timeout=300_000)
    before = np.array(page.evaluate("density()"))
    page.wait_for_function("film.at(-1).line.includes(': all ')", timeout=300_000)
    page.wait_for_timeout(300)  # the figure is drawn a moment later than the line
    after, film = np.array(page.evaluate("density()")), page.evaluate("film")[1:]
    found = [setting_and_step(moment["line"]) for moment in film]
    assert {setting for setting, _ in found} == {"srigl, every 25, gamma_sal 0.8"}
    assert found[0][1] <= ANEW
    assert [step for _, step in found] == sorted(step for _, step in found)
    assert len(film) > 10  # that is, it was seen on its way
    for density in (before, after):  # relative to an even distribution
        assert density.shape == (28, 28)
        assert density.mean() == pytest.approx(1)
    assert after[6:22, 6:22].mean() > before[6:22, 6:22].mean() > 0.9
    assert after[6:22, 6:22].mean() == pytest.approx(film[-1]["cards"][3], abs=0.006)
    shapes = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    connections = int(sparsify.erk(shapes, 0.95)["fc1"] * 300 * 784)
    for moment in film:  # connections over active neurons
        _, neurons, fan_in, _ = moment["cards"]
        assert fan_in == connections // neurons
    assert film[-1]["cards"][1] < 300


def test_a_newer_setting_cancels_the_training(training):
    """Moving through all settings of a slider while it trains: each starts anew, none but the last is trained to its end."""
    page, panel = training
    page.evaluate("film = [film.at(-1)]")
    handle = panel.locator(".noUi-handle").first
    handle.hover()
    track = panel.locator(".noUi-base").first.bounding_box()
    page.mouse.down()
    for share in (0.2, 0.6, 0.8, 1.0, 0.4):
        page.mouse.move(track["x"] + share * track["width"], track["y"] + track["height"] / 2, steps=4)
        page.wait_for_timeout(300)
    page.mouse.up()
    last = panel.locator(".widget-readout").first.text_content()
    page.wait_for_function("text => film.at(-1).line.includes(text)", arg=f"every {last}, gamma_sal 0.8: all", timeout=300_000)
    found = [setting_and_step(moment["line"]) for moment in page.evaluate("film")[1:]]
    runs = [[step for _, step in run] for _, run in itertools.groupby(found, key=lambda moment: moment[0])]
    assert len(runs) >= 4
    for steps in runs:
        assert steps[0] <= ANEW
        assert steps == sorted(set(steps))
    assert [steps[-1] == 900 for steps in runs] == [False] * (len(runs) - 1) + [True]


def test_budget_sparsity_and_groups_are_live(sharing):
    """Moving all three by mouse and keyboard: cards and figure are those of the network the library makes."""
    page, panel = sharing
    panel.get_by_role("button", name="8", exact=True).click()
    for number, key in ((0, "ArrowLeft"), (1, "ArrowRight"), (1, "ArrowRight")):
        panel.locator(".noUi-handle").nth(number).focus()
        page.keyboard.press(key)
    page.wait_for_function(
        "panel => [...panel.querySelectorAll('.widget-readout')].map(node => node.textContent).join() === '0.08,0.85'",
        arg=panel.element_handle(),
        timeout=300_000,
    )
    small = compress.fips(models.load("vit_fashion"), budget=0.08, budget_kind="bytes", sparsity=0.85, groups=8)
    (rank,) = small.fips["ranks"]
    page.wait_for_function(SHARED, arg=[panel.element_handle(), rank], timeout=300_000)
    cards = panel.locator(".labkit-cards strong").all_text_contents()
    right = accuracy(small, data.load("fashion_mnist").test.subset(np.arange(1000)))
    assert cards[0] == str(rank)
    assert cards[1] == f"{100 * small.fips['bytes'] / (4 * 8 * 2 * 128 * 512):.1f} %"
    assert float(cards[2].removesuffix(" %")) == pytest.approx(100 * right, abs=0.2)  # by the weights
