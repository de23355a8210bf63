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
