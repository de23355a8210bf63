"""Responsiveness of the dashboard in Chromium: time from the input event to the updated figure, on the audited grid and off it.

Also measured: updates per second while dragging, and the time from the start of the server to the first page.
"""

import importlib.util
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import budget, write
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
MOVES, DRAG_SECONDS, REPEATS = 30, 4.0, 3
GRID = [(model, method, "inner") for model in ("vit_fashion", "resnet_fashion") for method in ("condense", "low_rank")]
OFF = [
    ("vit_fashion", "condense", "blocks*"),
    ("vit_fashion", "low_rank", "blocks*"),
    ("resnet_fashion", "condense", "layer*"),
    ("resnet_fashion", "low_rank", "layer*"),
]
# polls the page every frame and records when the cards and the first figure show the value of the last input event
WATCH = """() => {
  const deep = (what, root) => [...root.querySelectorAll(what),
    ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot).flatMap(e => deep(what, e.shadowRoot))];
  const slider = deep('.live-slider', document)[0], cards = deep('.cards', document)[0];
  window.moves = []; window.drawn = 0;
  let last = document.querySelector('.live-figure').dataset.value;
  document.addEventListener('input', e => moves.push({at: e.timeStamp}), true);
  const look = () => {
    const now = performance.now(), move = moves.at(-1), figure = document.querySelector('.live-figure')?.dataset.value;
    if (figure !== last) { last = figure; drawn += 1; }
    if (move) {
      if (move.cards === undefined && cards.dataset.value === slider.dataset.value) move.cards = now - move.at;
      if (move.figure === undefined && figure === slider.dataset.value) move.figure = now - move.at;
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def chromium() -> str:
    """Path of the browser used by the tests."""
    spec = importlib.util.spec_from_file_location("find_browser", ROOT / "tools" / "find_browser.py")
    finder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(finder)
    return finder.find_browser() or sys.exit("no Chromium found; run tools/browser.sh")


@contextmanager
def dashboard() -> Iterator[tuple[str, int]]:
    """Start a dashboard and yield its address and process as soon as it responds."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://localhost:{port}", process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def open_live(browser: Browser, url: str, model: str, method: str, layers: str) -> Page:
    """Open the Live page, wait for all figures, and start recording."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{url}/live?model={model}&method={method}&layers={layers}")
    page.locator(".live-figure .main-svg").first.wait_for(timeout=120_000)
    page.locator(".status", has_text="Exact").wait_for(timeout=120_000)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    return page


def track(page: Page) -> tuple[float, float, float, int]:
    """Position of the slider's first step (x, y), width of a step, and index of the last step."""
    slider = page.locator(".live-slider").first
    box = slider.locator("input").bounding_box()
    thumb = slider.evaluate("node => parseFloat(getComputedStyle(node).getPropertyValue('--thumb')) * 16")
    count = int(slider.locator("input").get_attribute("max"))
    return box["x"] + thumb / 2, box["y"] + box["height"] / 2, (box["width"] - thumb) / count, count


def moves(page: Page) -> tuple[list[float], list[float]]:
    """Milliseconds until cards and figure are updated, for 30 moves with the mouse held, each after the previous update."""
    x, y, step, count = track(page)
    places = random.Random(0).choices(range(count + 1), k=4 * MOVES)  # a position repeated in a row is not a move
    page.mouse.move(x + step * int(page.locator(".live-slider input").first.input_value()), y)
    page.mouse.down()
    for place in places:
        before = page.evaluate("moves.length")
        page.mouse.move(x + step * place, y)
        page.wait_for_timeout(20)
        if page.evaluate("moves.length") > before:
            page.wait_for_function("moves.at(-1).cards !== undefined && moves.at(-1).figure !== undefined", timeout=120_000)
        if page.evaluate("moves.length") >= MOVES:
            break
    page.mouse.up()
    found = page.evaluate("moves")
    return [move["cards"] for move in found], [move["figure"] for move in found]


def drag(page: Page) -> float:
    """Figure updates per second during a continuous drag with about 60 events per second."""
    x, y, step, count = track(page)
    page.mouse.move(x + step * int(page.locator(".live-slider input").first.input_value()), y)
    page.mouse.down()
    page.evaluate("drawn = 0")
    began = time.monotonic()
    while (now := time.monotonic() - began) < DRAG_SECONDS:
        share = abs((now / DRAG_SECONDS * 2) % 2 - 1)  # once to the left end and back
        page.mouse.move(x + step * count * share, y)
        page.wait_for_timeout(16)
    took, drawn = time.monotonic() - began, page.evaluate("drawn")
    page.mouse.up()
    return drawn / took


def summary(what: str, milliseconds: list[float]) -> dict:
    """One row: median and 95th percentile."""
    row = {
        "what": what,
        "p50_ms": round(statistics.median(milliseconds)),
        "p95_ms": round(statistics.quantiles(milliseconds, n=20, method="inclusive")[-1]) if len(milliseconds) > 1 else None,
        "repeats": len(milliseconds),
    }
    print("{what:62} p50 {p50_ms:>6} ms  p95 {p95_ms} ms  ({repeats})".format(**row))
    return row


def live_rows(browser: Browser, url: str, setting: tuple[str, str, str], where: str) -> list[dict]:
    """Rows of one model and method."""
    page = open_live(browser, url, *setting)
    name = f"{setting[0]} {setting[1]} layers={setting[2]}"
    cards, figure = moves(page)
    rows = [summary(f"{where}, cards: {name}", cards), summary(f"{where}, figure: {name}", figure)]
    if where == "on the grid":
        rate = drag(page)
        rows.append({"what": f"figures a second while dragging: {name}", "per_second": round(rate, 1)})
        print(f"{rows[-1]['what']:62} {rate:.1f} per second")
    page.close()
    return rows


def first_page(browser: Browser) -> float:
    """Milliseconds from the start of the server until the first page is there."""
    began = time.monotonic()
    with dashboard() as (url, _):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.get_by_role("heading", level=1).first.wait_for(timeout=60_000)
        took = 1000 * (time.monotonic() - began)
        page.close()
    return took


def main() -> None:
    """Run all measurements within the time budget."""
    until = budget(__doc__)
    rows: list[dict] = []
    left: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        rows.append(summary("first page, from the start of the server", [first_page(browser) for _ in range(REPEATS)]))
        with dashboard() as (url, _):
            for where, settings in (("on the grid", GRID), ("off the grid", OFF)):
                for setting in settings:
                    if time.monotonic() > until:
                        left.append(f"{where}: {' '.join(setting)}")
                    else:
                        rows += live_rows(browser, url, setting, where)
        browser.close()
    write("live", rows, left)


if __name__ == "__main__":
    main()
