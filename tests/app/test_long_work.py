"""Work in the background, with a real browser: it ends when the page is closed, and is found again when it is loaded again."""

import time

import pytest

from tests.app.conftest import dashboard
from tests.app.live_page import open_live

pytestmark = pytest.mark.browser

SLOW = """
import copy, time
from pathlib import Path
from labkit.compress import Method, Param, register

TICKS = Path({ticks!r})

class Slow:
    def __call__(self, layer, given):
        time.sleep(0.05)
        with TICKS.open("a") as file:
            file.write("x")

def apply(model, *, data=None, seed=0, progress=None, share=0.5, **_):
    small = copy.deepcopy(model)
    next(iter(small.children())).register_forward_pre_hook(Slow())
    return small

register(Method("slow", "Slow", "nowhere", apply, {{"share": Param(0.0, 1.0, default=0.5, step=0.1)}}))
"""


def rests(ticks, seconds=2.0):
    """Wait until the work rests, and return after how many seconds of a closed page."""
    begun, size, since = time.monotonic(), -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        now = ticks.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        assert time.monotonic() - begun < 60
        time.sleep(0.05)
    return since - begun


def test_work_is_found_again_after_a_reload_and_ends_with_the_page(tmp_path, desktop):
    ticks = tmp_path / "ticks"
    (tmp_path / "slow.py").write_text(SLOW.format(ticks=str(ticks)))
    after = ("--no-browser", "--store", str(tmp_path / "runs"))
    with dashboard("--plugin", str(tmp_path / "slow.py"), after=after, page=desktop) as url:
        open_live(desktop, url, model="mlp_mnist", method="slow")
        desktop.get_by_role("button", name="Audit every step").click()
        stop = desktop.get_by_role("button", name="Stop")
        stop.wait_for()
        desktop.reload()
        stop.wait_for()  # the same work, still under way
        desktop.get_by_text("left").first.wait_for()
        stop.click()
        desktop.get_by_role("button", name="Audit every step").wait_for()
        desktop.get_by_role("slider", name="share").press("ArrowRight")
        size = ticks.stat().st_size
        while ticks.stat().st_size == size:
            time.sleep(0.02)
        desktop.goto("about:blank")
        assert rests(ticks) < 2.5
