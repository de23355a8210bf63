"""The dashboard without a browser; a real dashboard process and a real Chromium."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import labkit

MAIN = Path(labkit.__file__).parents[1] / "app" / "main.py"
PATIENCE = 300  # seconds; ends a wait that would never succeed, and must not depend on how busy the machine is
MACHINE = {"cpu": "Difference Engine", "cores": 2, "vectors": ["avx2"], "python": "3.11.0", "system": "Linux"}


@pytest.fixture(autouse=True)
def main_module(monkeypatch):
    """The module that runs the tests: Streamlit leaves the page in its place, and a process that is spawned would run that."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def app(monkeypatch, tmp_path):
    """The dashboard on an empty store of the user's own, opened at Compare."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(MAIN)])
    app = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    app._page_hash = calc_hash("compare")  # `switch_page` works after a first run only, which would draw Home in every test
    return app


@pytest.fixture
def results(monkeypatch, tmp_path):
    """A folder of results that the pages read instead of the repository's."""
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(MAIN.parent))
    monkeypatch.setattr(importlib.import_module("common.results"), "FOLDER", folder)

    def write(**files):
        for name, rows in files.items():
            (folder / f"{name}.json").write_text(json.dumps({"machine": MACHINE, "rows": rows, "left_out": []}))
        return folder

    return write


@contextmanager
def dashboard(*before, **settings):
    """Start the dashboard as `started` does; yield its address."""
    with started(*before, **settings) as (url, _):
        yield url


@contextmanager
def started(*before, after=(), env=None, page=None):
    """Start the dashboard as `labkit app` does, on a free port; yield its address and its process, and stop it at the end.

    A page is left first: the browser reports every try to reach a server that is being stopped as an error.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labkit", *before, "app", "--port", str(port), *after]
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=30)
                break
            except OSError:
                assert process.poll() is None, "the dashboard did not start"
                assert time.monotonic() < deadline, f"the dashboard did not answer within {PATIENCE} s"
                time.sleep(0.2)
        yield url, process.pid
        if page is not None:
            page.goto("about:blank")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=PATIENCE)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory):
    """A dashboard whose own store is empty."""
    with dashboard(after=("--no-browser", "--store", str(tmp_path_factory.mktemp("runs")))) as url:
        yield url


@contextmanager
def watched(browser, **options):
    """A page that fails the test on any console error and on any request that would leave this machine."""
    page = browser.new_page(**options)
    page.set_default_timeout(1000 * PATIENCE)
    errors: list[str] = []

    def note(message):
        # opened on a page's own address, Streamlit looks for its server below that address first, and then at the root
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(f"asked for {request.url}") if _outside(request.url) else None)
    yield page
    page.close()
    assert not errors


def rests(page):
    """Wait until the page has been drawn."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def place_of(page, element):
    """The place of an element that the mouse is to press, once nothing moves it any more: figures above it come later."""
    rests(page)
    element.scroll_into_view_if_needed()
    deadline, since, before = time.monotonic() + PATIENCE, time.monotonic(), element.bounding_box()
    while time.monotonic() - since < 0.7:
        assert time.monotonic() < deadline, "the page does not come to rest"
        page.wait_for_timeout(100)
        now = element.bounding_box()
        if now != before:
            since, before = time.monotonic(), now
    return before


def _outside(url):
    return not url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:", "about:"))


@pytest.fixture(params=[1440, 420], ids=["1440px", "420px"])
def page(browser, request):
    """A page of a desktop's and of a phone's width."""
    with watched(browser, viewport={"width": request.param, "height": 900}) as page:
        yield page


@pytest.fixture
def desktop(browser):
    """A page of a desktop's width."""
    with watched(browser, viewport={"width": 1440, "height": 1000}) as page:
        yield page
