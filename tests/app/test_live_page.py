"""The Live page in a real Chromium: figures that change while the slider is held, and that are those of the library."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from labkit import audit, compress, data, models
from labkit.audit import headlines
from tests.app.conftest import dashboard, place_of, watched
from tests.app.live_page import card, grab, open_live, steps, truth, value, wait_for

pytestmark = pytest.mark.browser
KEYS = ("accuracy", "worst_class_change", "harmed_classes", "bytes", "latency_ratio")


def says(page, wanted):
    assert {key: card(page, key) for key in KEYS} == {key: wanted[key] for key in KEYS}


def test_figures_follow_the_slider_while_the_mouse_holds_it(app_url, page):
    open_live(page, app_url, sparsity=0.9, layers="inner")
    known = truth()
    says(page, known[0.9])
    x, y, step = grab(page)
    seen = set()
    for move in range(1, 11):
        page.mouse.move(x - move * step, y)
        wait_for(page, round(0.9 - 0.01 * move, 2))
        seen.add(card(page, "accuracy"))
        says(page, known[round(0.9 - 0.01 * move, 2)])
    assert len(seen) == 10
    charts = page.locator(".live-figure")
    page.wait_for_function("document.querySelector('.live-figure').dataset.value == '0.8'")
    drawn = charts.first.evaluate("node => node._fullData.filter(t => t.type === 'bar').map(t => [...t.x].map(Number))")
    split = data.load("fashion_mnist").test
    from labkit import live

    found = next(live.progressive_audit("condense", {"sparsity": 0.8, "layers": "inner"}, split, model="vit_fashion")).audit
    bars = [next(trace[i] for trace in drawn if trace[i] == trace[i]) for i in range(10)]
    assert bars == pytest.approx(list(100 * found.per_class["change"]), abs=1e-9)
    page.mouse.up()  # only now is it released
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_the_keyboard_moves_it_a_step_and_to_both_ends(app_url, desktop):
    open_live(desktop, app_url, sparsity=0.75, layers="inner")
    known = truth()
    slider = desktop.get_by_role("slider", name="sparsity")
    slider.focus()
    for key, wanted in {"ArrowRight": 0.76, "ArrowUp": 0.77, "ArrowLeft": 0.76, "Home": 0.5, "End": 0.99}.items():
        desktop.keyboard.press(key)
        assert value(desktop) == wanted
        says(desktop, known[wanted])
        assert slider.get_attribute("aria-valuetext") == f"{wanted:.2f}"


def test_a_finger_moves_it(app_url, browser):
    with watched(browser, viewport={"width": 420, "height": 900}, has_touch=True, is_mobile=True) as page:
        open_live(page, app_url, sparsity=0.9, layers="inner")
        box = place_of(page, page.locator(".live-slider input").first)
        assert box["height"] >= 40  # a finger's size
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.locator('.live-slider:not([data-value="0.9"])').wait_for()
        assert value(page) == pytest.approx(0.745, abs=0.02)
        says(page, truth()[value(page)])


def test_the_address_keeps_the_state(app_url, desktop):
    """All but what the page would open with anyway, which the address leaves out."""
    open_live(desktop, app_url, model="resnet_fashion", method="low_rank", layers="inner", budget=0.5)
    assert value(desktop) == 0.5
    desktop.get_by_role("slider", name="budget").focus()
    desktop.keyboard.press("ArrowRight")
    desktop.wait_for_function("location.search.includes('budget=0.55')")
    assert parse_qs(urlsplit(desktop.url).query)["model"] == ["resnet_fashion"]
    desktop.reload()
    desktop.locator(".live-slider").wait_for()
    assert value(desktop) == 0.55
    says(desktop, truth("resnet_fashion", "low_rank")[0.55])


def test_off_the_grid_a_first_answer_grows_to_the_exact_one(app_url, desktop):
    open_live(desktop, app_url, model="mlp_mnist", method="condense", layers="all", sparsity=0.8)
    desktop.get_by_text(re.compile(r"^Exact: all 10,000")).wait_for()
    reference, split = models.load("mlp_mnist"), data.load("mnist").test
    small = compress.condense(reference, sparsity=0.8)
    wanted = {line.key: line.value for line in headlines(audit.audit(small, split, reference=reference, seconds=0).summary)}
    for key in ("accuracy", "worst_class_change", "harmed_classes", "bytes"):
        assert card(desktop, key) == wanted[key]


def test_a_newer_move_wins_and_no_older_answer_comes_after_it(app_url, desktop):
    open_live(desktop, app_url, model="resnet_fashion", method="condense", layers="layer*", sparsity=0.9)
    # on a machine that does much else, an element may be drawn anew and be absent for a frame: that is no older answer
    desktop.evaluate(
        """() => { window.seen = [];
        const deep = (what, root) => [...root.querySelectorAll(what),
          ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot).flatMap(e => deep(what, e.shadowRoot))];
        const first = what => deep(what, document)[0];
        const note = () => { seen.push([first('.cards')?.dataset.value, first('.live-figure')?.dataset.value,
          first('.card[data-key=bytes] .number')?.textContent]); requestAnimationFrame(note) }; note() }"""
    )
    slider = desktop.get_by_role("slider", name="sparsity")
    slider.focus()
    for _ in range(4):
        desktop.keyboard.press("ArrowLeft")
        desktop.wait_for_timeout(60)
    desktop.keyboard.press("Home")
    desktop.get_by_text(re.compile(r"^Exact: all 10,000")).wait_for()
    desktop.wait_for_function("document.querySelector('.live-figure').dataset.value == '0.5'")
    seen = desktop.evaluate("seen")
    cards, figures, sizes = zip(*seen, strict=True)
    for shown in (cards, figures):
        assert set(shown[shown.index("0.5") :]) == {"0.5"}
    assert set(sizes[cards.index("0.5") :]) == {card(desktop, "bytes")}, "figures of an older value stood under the newest"


def test_two_browsers_do_not_disturb_each_other(app_url, browser):
    known = truth()
    with (
        watched(browser, viewport={"width": 1000, "height": 800}) as one,
        watched(browser, viewport={"width": 1000, "height": 800}) as two,
    ):
        open_live(one, app_url, sparsity=0.6, layers="inner")
        open_live(two, app_url, sparsity=0.8, layers="inner")
        for page in (one, two):
            page.get_by_role("slider", name="sparsity").focus()
        for _ in range(5):
            one.keyboard.press("ArrowRight")
            two.keyboard.press("ArrowLeft")
        says(one, known[0.65])
        says(two, known[0.75])
        for page, place in ((one, "0.65"), (two, "0.75")):
            page.wait_for_function(f"document.querySelector('.live-figure').dataset.value == '{place}'")


def test_a_mistake_is_a_sentence_with_a_remedy(app_url, desktop):
    desktop.goto(f"{app_url}/live?model=mlp_mnist&layers=nothing.like.this")
    alert = desktop.get_by_test_id("stAlert")
    alert.wait_for()
    assert "no layer matches layers='nothing.like.this'; the model has" in alert.inner_text()
    assert desktop.get_by_test_id("stException").count() == 0
    desktop.get_by_role("slider", name="sparsity").wait_for()  # to go on from there


def test_what_blocks_share_is_drawn_and_follows_the_budget(app_url, desktop):
    open_live(desktop, app_url, model="vit_fashion", method="fips", budget=0.1, sparsity=0.7, steps=100)
    # none for steps, which take minutes, whatever the address says
    assert [desktop.get_by_role("slider", name=name).count() for name in ("budget", "sparsity", "groups")] == [1, 1, 1]
    assert desktop.get_by_role("slider").count() == 3
    dataset, reference = data.load("fashion_mnist"), models.load("vit_fashion")
    desktop.get_by_role("slider", name="budget").focus()
    for key, budget in ((None, 0.1), ("ArrowRight", 0.15)):
        if key:
            desktop.keyboard.press(key)
        wait_for(desktop, budget)
        small = compress.fips(reference, budget=budget, sparsity=0.7, groups=4, calibration=dataset)
        table = compress.sharing(small)
        figure = desktop.locator(f'.live-figure[data-value="{budget}"][aria-label^="Sharing"]')
        figure.locator(".main-svg").first.wait_for()
        links = figure.evaluate("node => node._fullData[0].text")
        assert links == [f"{count:,}" for count in table["nonzeros"]]
        assert figure.evaluate("node => node._fullData[1].text") == [f"rank {rank}" for rank in small.fips["ranks"]]
    desktop.get_by_text(re.compile(r"^Exact: all 10,000")).wait_for()
    found = audit.audit(small, dataset.test, reference=reference, seconds=0)
    wanted = {line.key: line.value for line in headlines(found.summary)}
    for key in ("accuracy", "worst_class_change", "harmed_classes", "bytes"):
        assert card(desktop, key) == wanted[key]
    desktop.goto(f"{app_url}/live?model=vit_fashion&method=condense&layers=inner")
    desktop.locator(".live-figure .main-svg").nth(2).wait_for()
    assert desktop.locator('.live-figure[aria-label^="Sharing"]').count() == 0


def test_a_network_without_blocks_that_could_share_is_a_sentence(app_url, desktop):
    desktop.goto(f"{app_url}/live?model=resnet_fashion&method=fips")
    alert = desktop.get_by_test_id("stAlert")
    alert.wait_for()
    assert "the network has no feed-forward block" in alert.inner_text()
    assert alert.inner_text().strip().endswith("e.g. vit_fashion")
    assert desktop.get_by_test_id("stException").count() == 0
    desktop.get_by_role("slider", name="budget").wait_for()
    desktop.get_by_text("Compressing and auditing …").wait_for(state="hidden")  # nothing is under way


def test_every_step_can_be_audited_and_that_can_be_stopped(app_url, desktop):
    open_live(desktop, app_url, model="lenet_mnist", method="low_rank", layers="all", budget=0.5)
    desktop.get_by_text(re.compile(r"^Exact: all 10,000")).wait_for()
    desktop.get_by_role("button", name="Audit every step").click()
    desktop.get_by_text(re.compile(r"^[3-9]\d* of \d+ steps audited")).wait_for()
    desktop.get_by_role("button", name="Stop").click()
    desktop.get_by_role("button", name="Audit every step").wait_for()


PLUGIN = """
import copy
from labkit.compress import Choice, Method, Param, register

def apply(model, *, data=None, seed=0, progress=None, strength=0.5, how="zero", **_):
    small = copy.deepcopy(model)
    for parameter in small.parameters():
        parameter.data.mul_(0.0 if strength > 0.5 else 1.0)
    return small

params = {"strength": Param(0.0, 1.0, default=0.2, step=0.1), "how": Choice(("zero",), "zero")}
register(Method("toy", "A toy", "nowhere", apply, params))
"""


def test_a_method_from_outside_appears_with_its_slider(tmp_path, desktop):
    (tmp_path / "toy.py").write_text(PLUGIN)
    with dashboard(
        "--plugin", str(tmp_path / "toy.py"), after=("--no-browser", "--store", str(tmp_path / "runs")), page=desktop
    ) as url:
        open_live(desktop, url, model="mlp_adult", method="toy")
        desktop.get_by_text(re.compile(r"^Exact: all 9,045")).wait_for()
        assert card(desktop, "accuracy") == f"{100 * models.cards()['mlp_adult'].test_accuracy:.2f} %"
        slider = desktop.get_by_role("slider", name="strength")
        slider.focus()
        desktop.keyboard.press("End")
        labels = data.load("adult").test.labels
        dead = f"{100 * max((labels == 0).mean(), 0):.2f} %"  # a network of zeros says class 0 of everybody
        desktop.locator('.card[data-key="accuracy"] .number', has_text=dead).wait_for()


def test_sliders_run_over_the_steps_of_the_library(app_url, desktop):
    open_live(desktop, app_url, layers="inner")
    assert int(desktop.locator(".live-slider input").first.get_attribute("max")) == len(steps()) - 1


def test_a_network_of_ones_own_is_opened_and_a_wrong_name_is_a_sentence(app_url, desktop):
    desktop.goto(f"{app_url}/live?model=your+own&layers=all")
    network, press = (
        desktop.get_by_role("textbox", name="network"),
        desktop.get_by_test_id("stBaseButton-primary").filter(has_text="Open"),
    )
    network.fill("timm:no_such_network")
    desktop.get_by_role("textbox", name="data").fill("fashion_mnist")
    press.click()
    desktop.get_by_text("unknown timm model").wait_for()
    network.fill("timm:test_resnet")
    press.click()
    desktop.locator(".live-figure .main-svg").first.wait_for()
    assert card(desktop, "accuracy").endswith(" %")
    assert desktop.get_by_test_id("stException").count() == 0
