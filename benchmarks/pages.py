"""Pages of the dashboard in Chromium: time of a switch from page to page, and the server's memory after 10 and after 100 visits."""

import importlib.util
import itertools
import sys
import time
from pathlib import Path

from live import chromium, dashboard, summary
from measure import budget, write
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FEW, MANY = 10, 100  # visits
STEADY = "[data-testid=stApp][data-test-script-state=notRunning]"


def entries() -> tuple:
    """The pages in the order of the menu; Streamlit is not needed to read them."""
    spec = importlib.util.spec_from_file_location("dashboard_pages", ROOT / "app" / "common" / "pages.py")
    found = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found.PAGES


def switch(page: Page, title: str) -> float:
    """Click a page in the menu; milliseconds until its script has ended and its first figure, where it has one, is drawn."""
    began = time.monotonic()
    page.get_by_test_id("stTopNav").get_by_role("link", name=title, exact=True).click()
    page.wait_for_function("title => document.title === title", arg=f"{title} - labkit", timeout=120_000)
    page.locator(STEADY).wait_for(timeout=120_000)
    if page.locator(".js-plotly-plot").count():
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    return 1000 * (time.monotonic() - began)


def resident(process: int) -> float:
    """Resident memory of the server in MB (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024


def visits(page: Page, process: int, until: float) -> tuple[list[float], dict[int, float]]:
    """Walk through the menu again and again: milliseconds of every switch, and memory by number of visits.

    Every page is visited once before the first is counted: what it imports and reads stays in memory and is no leak.
    """
    titles = [entry.title for entry in entries()]
    for title in [*titles[1:], titles[0]]:
        switch(page, title)
        page.wait_for_timeout(300)
    took, memory = [], {}
    for number, title in enumerate(itertools.islice(itertools.cycle([*titles[1:], titles[0]]), MANY), 1):
        took.append(switch(page, title))
        page.wait_for_timeout(300)
        if number in (FEW, MANY) or time.monotonic() > until:
            memory[number] = resident(process)
        if time.monotonic() > until:
            break
    return took, memory


def main() -> None:
    """Measure within the time budget."""
    until = budget(__doc__)
    left: list[str] = []
    with sync_playwright() as playwright, dashboard() as (url, process):
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.get_by_role("heading", level=1).first.wait_for(timeout=120_000)
        took, memory = visits(page, process, until)
        browser.close()
    rows = [summary("switch to another page", took)]
    for number, megabytes in memory.items():
        rows.append({"what": f"memory of the server after {number} visits", "megabytes": round(megabytes, 1)})
        print(f"{rows[-1]['what']:62} {megabytes:.0f} MB")
    if MANY in memory:
        rows.append({"what": f"memory after {MANY} visits over that after {FEW}", "ratio": round(memory[MANY] / memory[FEW], 3)})
        print(f"{rows[-1]['what']:62} {rows[-1]['ratio']}")
    else:
        left.append(f"visits after the first {len(took)}")
    write("pages", rows, left)


if __name__ == "__main__":
    main()
