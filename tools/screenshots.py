"""Take the pictures of the README from a running dashboard: ``.venv/bin/python tools/screenshots.py [URL]``."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from find_browser import find_browser
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PORT = 8511


def live(page: Page, url: str) -> None:
    """The Live page while the slider is held."""
    page.goto(f"{url}/live?layers=inner&sparsity=0.75")
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
    """The first page."""
    page.goto(url)
    page.locator(".js-plotly-plot .main-svg").nth(4).wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)


def shoot(url: str) -> None:
    """Write docs/images/live.png and compare.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-background-networking"]
        )
        for name, prepare, height in (("live", live, 1000), ("compare", compare, 1160)):
            page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme="light")
            prepare(page, url)
            page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")
            page.close()
        browser.close()


def main() -> None:
    """Start the dashboard unless an address is given, and take the pictures."""
    if len(sys.argv) > 1:
        shoot(sys.argv[1])
        return
    process = subprocess.Popen([sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(PORT)])
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://localhost:{PORT}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.3)
        shoot(f"http://localhost:{PORT}")
    finally:
        process.terminate()


if __name__ == "__main__":
    main()
