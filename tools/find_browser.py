"""Print the path of a Chromium that starts: the system's, or the one Playwright downloaded; exit 1 when there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the first candidate that answers --version (Ubuntu's chromium-browser may be a stub that does not)."""
    candidates = [path for name in NAMES if (path := shutil.which(name))]
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            candidates.append(playwright.chromium.executable_path)
    except Exception as error:  # Playwright absent or broken: the system's browser will do
        print(f"playwright: {error}", file=sys.stderr)
    return next((path for path in candidates if Path(path).exists() and _starts(path)), None)


def _starts(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    found = find_browser()
    if found is None:
        sys.exit(1)
    print(found)
