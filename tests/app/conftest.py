"""A real dashboard process and a real Chromium."""

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import labkit

ROOT = Path(labkit.__file__).parents[1]


@pytest.fixture(scope="session")
def app_url():
    """Start the dashboard as `labkit app` does, on a free port; stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2)
            break
        except OSError:
            assert process.poll() is None, "the dashboard did not start"
            assert time.monotonic() < deadline, "the dashboard did not answer within a minute"
            time.sleep(0.2)
    yield url
    import os
    import signal

    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless; fails, not skips, when there is none."""
    from playwright.sync_api import sync_playwright

    spec = importlib.util.spec_from_file_location("find_browser", ROOT / "tools" / "find_browser.py")
    finder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(finder)
    path = finder.find_browser()
    assert path, "no Chromium found; run tools/browser.sh"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(params=[1440, 420], ids=["1440px", "420px"])
def page(browser, request):
    """A page of a desktop's or a phone's width that fails the test on any console error."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors
