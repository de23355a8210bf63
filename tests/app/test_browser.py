"""The dashboard in a real Chromium, at the width of a desktop and of a phone."""

import os
import socket
import urllib.request

import pytest

from labkit import models, runs
from tests.app.conftest import dashboard, place_of

pytestmark = pytest.mark.browser


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_network_is_drawn_beside_its_compressed_versions(app_url, page):
    page.goto(f"{app_url}/compare")
    page.get_by_role("heading", name="Compare", exact=True).wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()
    heat = page.locator(".js-plotly-plot").nth(2)
    drawn = heat.evaluate("node => node._fullData.map(t => t.y && [...t.y]).find(Boolean)")
    table = runs.Library(runs.gallery()).table("vit_fashion")
    assert len(drawn) == len(table)
    assert fits(page)


def test_the_reference_models_are_drawn_with_their_accuracy(app_url, page):
    page.goto(f"{app_url}/models")
    page.get_by_role("heading", name="Reference models").wait_for()
    plot = page.locator(".js-plotly-plot")
    plot.wait_for()
    drawn = plot.evaluate("node => Object.fromEntries(node.data[0].y.map((name, i) => [name, node._fullData[0].x[i]]))")
    assert drawn.keys() == models.cards().keys()
    for name, card in models.cards().items():
        assert drawn[name] == pytest.approx(100 * card.test_accuracy)
    assert fits(page)


def test_one_run_is_shown_class_by_class(app_url, page):
    run = runs.Library(runs.gallery()).table("resnet_fashion").index[3]
    page.goto(f"{app_url}/per_class?model=resnet_fashion&run={run}")
    page.get_by_role("heading", name="Per class").wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()
    change = runs.Library(runs.gallery()).per_class(run)["change"]
    bars = (
        page.locator(".js-plotly-plot")
        .nth(1)
        .evaluate("node => node._fullData.filter(t => t.type === 'bar').map(t => [...t.x].map(Number))")
    )
    drawn = [next(trace[i] for trace in bars if trace[i] == trace[i]) for i in range(len(change))]
    assert drawn == pytest.approx(list(100 * change), abs=1e-9)
    assert fits(page)


def test_a_limit_moves_the_recommendation_before_the_mouse_is_released(app_url, desktop):
    desktop.goto(f"{app_url}/compare")
    answer = desktop.get_by_test_id("stAlert")
    answer.wait_for()
    table = runs.Library(runs.gallery()).table("vit_fashion")
    before = runs.recommend(table)
    assert answer.inner_text().strip().endswith(before.reason[1:])
    slider = desktop.locator(".live-slider", has_text="harmed classes").locator("input")
    box = place_of(desktop, slider)
    desktop.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    desktop.mouse.down()
    desktop.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=6)
    after = runs.recommend(table, harmed_classes=None)
    assert after.reason != before.reason
    desktop.get_by_text(after.reason[1:]).wait_for()
    desktop.mouse.up()


def test_every_page_is_reached_from_every_other_however_fast(tmp_path, desktop):
    """On a new server: what a page's first run draws and what its sliders then ask for reach the browser mixed up."""
    with dashboard(after=("--no-browser", "--store", str(tmp_path)), page=desktop) as url:
        desktop.goto(url)
        for _ in range(3):
            for name in ("Live", "Per class", "Speed", "Reference models", "Compare"):
                desktop.get_by_test_id("stTopNav").get_by_role("link", name=name).click()
                desktop.get_by_role("heading", name=name, exact=True, level=1).wait_for()
                desktop.locator(".js-plotly-plot .main-svg").first.wait_for()
                desktop.wait_for_timeout(500)
                assert desktop.get_by_test_id("stException").count() == 0, name


def reachable(address, port):
    with socket.socket() as probe:
        probe.settimeout(30)
        return probe.connect_ex((address, port)) == 0


def test_the_dashboard_listens_on_this_machine_alone(app_url):
    port = int(app_url.rsplit(":", 1)[1])
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    # 127.0.0.2 reaches whatever listens on every interface, also where loopback is the only one
    others = sorted({*own, "127.0.0.2"} - {"127.0.0.1", "127.0.1.1"})
    with socket.create_server(("", 0)) as public:
        checked = [address for address in others if reachable(address, public.getsockname()[1])]
    assert checked
    assert reachable("localhost", port)
    assert [address for address in checked if reachable(address, port)] == []


def test_a_first_start_asks_nothing(tmp_path):
    """A newcomer has no ~/.streamlit; Streamlit would ask for an e-mail address there and stop without a terminal."""
    with dashboard(env={**os.environ, "HOME": str(tmp_path), "BROWSER": "true"}) as url, urllib.request.urlopen(url) as page:
        assert page.status == 200  # a server that asks stops at the end of its input, and answers nobody


def test_streamlit_offers_no_skills_over_the_page(tmp_path, desktop):
    """Streamlit shows that card unless it is headless, to users that have a coding agent: here there are both."""
    (tmp_path / ".claude").mkdir()
    env = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true"}
    with dashboard(after=("--store", str(tmp_path / "runs")), env=env, page=desktop) as url:
        desktop.goto(f"{url}/compare")
        desktop.locator(".js-plotly-plot").nth(2).wait_for()
        assert desktop.get_by_text("Help agents write better apps").count() == 0


def test_a_page_opened_first_is_part_of_the_dashboard(tmp_path, desktop):
    """Streamlit runs files of a folder called pages on their own when they are asked for first: without plugins, without a menu."""
    with dashboard(after=("--no-browser", "--store", str(tmp_path)), page=desktop) as url:
        desktop.goto(f"{url}/models")
        desktop.get_by_role("link", name="Compare", exact=True).wait_for()
        assert desktop.get_by_role("heading", level=1).inner_text() == "Reference models"
