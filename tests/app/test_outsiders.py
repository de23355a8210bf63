"""Who reaches the dashboard from another machine, and what he can do there."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import streamlit as st

from labkit import models
from tests.app.conftest import MAIN, PATIENCE


@pytest.fixture(autouse=True)
def fresh():
    """The command line is read once a process."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        (None, False),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("localhost.outside.test", False),
    ],
)
def test_local_addresses(monkeypatch, address, local):
    monkeypatch.syspath_prepend(str(MAIN.parent))
    from common.guard import is_local

    assert is_local(address) is local


def test_visitors_of_a_public_dashboard_open_no_files(app, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["main.py", "--store", str(tmp_path), "--public"])
    app.run()
    home = app.switch_page("views/home/page.py").run()
    assert "Your own" not in [heading.value for heading in home.subheader]
    app.switch_page("views/live/page.py")
    for name, value in {"model": "your own", "own-name": "mlp_adult", "own-data": "adult", "own": "open"}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert "your own" not in app.selectbox[0].options
    assert app.selectbox[0].value in models.cards()
    assert [box.label for box in app.text_input] == []


def test_the_network_of_the_command_line_is_shown_and_cannot_be_changed(app, monkeypatch, tmp_path):
    own = '{"name": "mlp_adult", "data": "adult"}'
    monkeypatch.setattr("sys.argv", ["main.py", "--store", str(tmp_path), "--public", "--own", own])
    app.run().switch_page("views/live/page.py")
    app.query_params["own-data"] = "/etc/passwd"
    app.query_params["own"] = "open"
    app.run()
    assert not app.exception
    assert app.selectbox[0].value == "your own"
    assert not app.error
    assert not [box for box in app.text_input if box.label == "data"]
    assert not [button for button in app.button if button.label in ("Change", "Open")]


@pytest.mark.browser
def test_a_server_that_others_reach_refuses_unless_it_was_meant(tmp_path, desktop):
    """Started by hand from another folder, with an address that the environment says."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.port", str(port), "--", "--store", str(tmp_path)]
    environment = {**os.environ, "STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "PYTHONPATH": str(MAIN.parents[1])}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        desktop.goto(f"http://localhost:{port}/live?model=your+own")
        desktop.get_by_role("alert").get_by_text("labkit app --public").wait_for()
        assert desktop.get_by_role("textbox").count() == 0
        assert desktop.get_by_role("heading", name="Live", exact=True).count() == 0
        desktop.goto("about:blank")
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(port):
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=30):
            return True
    except (urllib.error.URLError, OSError):
        return False
