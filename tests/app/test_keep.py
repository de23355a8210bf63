"""Live in a real Chromium: it opens at a good point, keeps a setting as a run, and holds its layout while a second slider moves."""

import re
import subprocess
import sys

import numpy as np
import pytest

from labkit import audit, compress, data, live, models
from labkit.training import predict
from tests.app.conftest import dashboard
from tests.app.live_page import open_live, value, wait_for

pytestmark = pytest.mark.browser
TWO_SLIDERS = """
import copy
from labkit.compress import Method, Param, register

def apply(model, *, data=None, seed=0, progress=None, strength=0.0, shift=0.0, **_):
    small = copy.deepcopy(model)
    for parameter in small.parameters():
        parameter.data.mul_(1 - strength).add_(shift)
    return small

register(Method("toy", "A toy", "nowhere", apply, {"strength": Param(0.0, 1.0, 0.0, 0.25), "shift": Param(0.0, 0.5, 0.0, 0.1)}))
"""


def test_it_opens_at_the_smallest_step_that_harms_nobody_and_says_so_first(app_url, page):
    page.goto(f"{app_url}/live")
    page.locator('.cards[data-waiting="false"]').wait_for()
    split = data.load("fashion_mnist").test
    session = live.session("vit_fashion", split)
    known = session.steps("low_rank", {"layers": "inner"})
    unharmed = {step: row for step, row in known.items() if row["harmed_classes"] + row["unclear_classes"] == 0}
    wanted = min((step for step, row in unharmed.items() if row["bytes_ratio"] < 0.99), key=lambda step: known[step]["bytes"])
    assert value(page) == wanted
    verdict = page.locator(".verdict")
    assert verdict.inner_text() == audit.verdict(known[wanted]).sentence
    assert verdict.bounding_box()["y"] < page.locator(".live-slider").first.bounding_box()["y"]
    assert page.get_by_role("combobox", name="layers").input_value() == "all but first and last layers"  # in words
    page.get_by_text("Eckart & Young 1936").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_setting_is_kept_and_loads_in_a_fresh_process(tmp_path, desktop):
    store = tmp_path / "runs"
    with dashboard(after=("--no-browser", "--store", str(store)), page=desktop) as url:
        open_live(desktop, url, model="mlp_adult", sparsity=0.8)
        desktop.get_by_text(re.compile(r"^Exact: all 9,045")).wait_for()
        desktop.get_by_role("button", name="Keep this").click()
        desktop.get_by_text("Kept as run").wait_for()
        (folder,) = [path for path in store.iterdir() if not path.name.startswith(".")]
        desktop.get_by_text(folder.name).wait_for()
        code = (
            "import numpy as np; from labkit import data, runs; from labkit.training import predict\n"
            f"model, audit = runs.Store({str(store)!r}).load({folder.name!r})\n"
            f"np.save({str(tmp_path / 'outputs.npy')!r}, predict(model, data.load('adult').test))\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        wanted = predict(compress.condense(models.load("mlp_adult"), sparsity=0.8), data.load("adult").test)
        np.testing.assert_array_equal(np.load(tmp_path / "outputs.npy"), wanted)
        desktop.get_by_test_id("stMain").get_by_role("link", name="Per class").click()
        desktop.get_by_role("heading", name="Per class", level=1).wait_for()
        desktop.wait_for_function(f"location.search.includes('run={folder.name}')")


def test_a_second_slider_keeps_the_curve_and_the_layout_and_groups_have_names(tmp_path, desktop):
    (tmp_path / "toy.py").write_text(TWO_SLIDERS)
    with dashboard(
        "--plugin", str(tmp_path / "toy.py"), after=("--no-browser", "--store", str(tmp_path / "runs")), page=desktop
    ) as url:
        open_live(desktop, url, model="mlp_adult", method="toy")
        desktop.get_by_role("button", name="Audit every step").click()
        curve = desktop.locator('.live-figure[aria-label="Accuracy over strength"]')
        curve.locator(".main-svg").first.wait_for()
        desktop.wait_for_function(
            "[...document.querySelectorAll('.live-figure[aria-label=\"Accuracy over strength\"]')]"
            ".some(node => node._fullData?.some(trace => (trace.x ?? []).length >= 5))"
        )
        groups = desktop.locator('.live-figure[aria-label^="Accuracy by"]')
        names = groups.evaluate("node => node._fullData.flatMap(trace => [...(trace.y ?? [])]).join(' ')")
        assert all(name in names for name in ("Female", "Male")) or "White" in names
        desktop.get_by_role("slider", name="shift").focus()
        places = [figure.bounding_box()["y"] for figure in (curve, groups)]
        desktop.keyboard.press("ArrowRight")
        desktop.get_by_role("heading", name="Accuracy over the whole slider, measured at shift 0").wait_for()
        assert [figure.bounding_box()["y"] for figure in (curve, groups)] == pytest.approx(places, abs=30)
        assert curve.evaluate("node => node._fullData.some(trace => (trace.x ?? []).length >= 5)")
        desktop.get_by_role("slider", name="strength").focus()
        desktop.keyboard.press("End")
        wait_for(desktop, 1)
