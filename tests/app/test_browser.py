"""The dashboard in a real Chromium, at the width of a desktop and of a phone."""

import pytest

from labkit import models

pytestmark = pytest.mark.browser


def test_reference_page_is_drawn_and_fits(app_url, page):
    page.goto(app_url)
    page.get_by_role("heading", name="Reference models").wait_for(timeout=30_000)
    plot = page.locator(".js-plotly-plot")
    plot.wait_for(timeout=30_000)
    page.get_by_test_id("stDataFrame").wait_for(timeout=30_000)
    drawn = plot.evaluate("node => Object.fromEntries(node.data[0].y.map((name, i) => [name, node._fullData[0].x[i]]))")
    assert drawn.keys() == models.cards().keys()
    for name, card in models.cards().items():
        assert drawn[name] == pytest.approx(100 * card.test_accuracy)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_the_dashboard_listens_on_this_machine_alone(app_url):
    import socket

    port = int(app_url.rsplit(":", 1)[1])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1", "127.0.1.1"}
    for address in addresses:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, port)) != 0, address


def test_a_first_start_asks_nothing(tmp_path):
    """A newcomer has no ~/.streamlit; Streamlit would ask for an e-mail address there and stop without a terminal."""
    import os
    import signal
    import socket
    import subprocess
    import sys
    import time
    import urllib.request

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labkit", "app", "--port", str(port)]
    own = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true"}
    process = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(300):
            assert process.poll() is None, "the dashboard stopped at its first start"
            try:
                assert urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2).status == 200
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the dashboard did not answer within a minute")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)
