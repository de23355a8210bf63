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


def settle(page: Page) -> None:
    """Wait until the page is drawn and Streamlit is idle."""
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)


def shoot(url: str) -> None:
    """Write docs/images/dashboard.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 820}, color_scheme="light")
        page.goto(url)
        settle(page)
        page.screenshot(path=ROOT / "docs" / "images" / "dashboard.png")
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
