"""Take the pictures of the documentation from a running dashboard: ``.venv/bin/python tools/screenshots.py [URL]``.

With ``--every FOLDER`` every page is written there instead, at the width of a desktop and of a phone and in both themes, to be
looked at; ``--only 420-dark`` keeps to one of the four.
"""

import argparse
import itertools
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from find_browser import find_browser
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PORT = 8511
WIDTHS, THEMES = (1440, 420), ("light", "dark")
PAGES = (
    "",
    "compare",
    "live?method=condense&layers=inner",
    "per_class",
    "speed",
    "training",
    "models",
    "compare?model=mlp_adult",
    "live?method=fips&budget=0.1",
)


def live(page: Page, url: str) -> None:
    """The Live page while the slider is held."""
    page.goto(f"{url}/live?method=condense&layers=inner&sparsity=0.75")
    page.locator(".live-figure .main-svg").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)
    slider = page.locator(".live-slider input").first
    box = slider.bounding_box()
    place = int(slider.input_value()) / int(slider.get_attribute("max"))
    page.mouse.move(box["x"] + 9 + place * (box["width"] - 18), box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 9 + (place - 0.06) * (box["width"] - 18), box["y"] + box["height"] / 2, steps=4)
    page.wait_for_timeout(1_500)


def compare(page: Page, url: str) -> None:
    """The Compare page."""
    page.goto(f"{url}/compare")
    page.locator(".js-plotly-plot .main-svg").nth(4).wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)


def shoot(url: str) -> None:
    """Write docs/images/live.png and compare.png."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, prepare, height in (("live", live, 1000), ("compare", compare, 1160)):
            page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme="light")
            prepare(page, url)
            page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")
            page.close()
        browser.close()


def shoot_every(url: str, folder: Path, only: str | None = None) -> None:
    """Write a picture of every page, in its full length, at 1440 and 420 pixels, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for width, theme in itertools.product(WIDTHS, THEMES):
            if only in (None, f"{width}-{theme}"):
                for number, path in enumerate(PAGES):
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                    page.goto(f"{url}/{path}")
                    settle(page)
                    length = page.locator("[data-testid=stMainBlockContainer]").evaluate("node => node.scrollHeight")
                    page.set_viewport_size({"width": width, "height": min(6000, max(900, int(length) + 60))})
                    settle(page)
                    name = "".join(letter if letter.isalnum() else "-" for letter in path) or "first"
                    page.screenshot(path=folder / f"{number}-{name}-{width}-{theme}.png")
                    page.close()
        browser.close()


def settle(page: Page) -> None:
    """Wait until the page has been drawn: nothing runs any more, and figures have had time to take their size."""
    page.get_by_role("heading", level=1).first.wait_for(timeout=120_000)
    page.wait_for_timeout(1_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.wait_for_timeout(1_000)


def launch(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox", "--disable-background-networking"])


def main() -> None:
    """Start the dashboard unless an address is given, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="address of a running dashboard")
    parser.add_argument("--every", type=Path, metavar="FOLDER", help="write every page there, at two widths")
    parser.add_argument("--only", metavar="WIDTH-THEME", help="with --every: e.g. 420-dark")
    given = parser.parse_args()
    take = (lambda url: shoot_every(url, given.every, given.only)) if given.every else shoot
    if given.url:
        take(given.url)
        return
    process = subprocess.Popen([sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(PORT)])
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://localhost:{PORT}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.3)
        take(f"http://localhost:{PORT}")
    finally:
        process.terminate()


if __name__ == "__main__":
    main()
