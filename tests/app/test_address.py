"""The address and the history of a real Chromium: every choice counts, Back and forward lead to what was there."""

import contextlib
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from labkit.compress import METHODS
from tests.app.conftest import PATIENCE
from tests.app.live_page import grab, open_live, wait_for

pytestmark = pytest.mark.browser


def asked(page):
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def options(page, box):
    """Every option of a select box; long lists draw only those in sight. A page that is being drawn may close the list again."""
    shown = page.get_by_role("option").first
    while not shown.is_visible():
        box.click()
        page.wait_for_timeout(300)
    found = {}
    while True:
        before = len(found)
        found |= dict.fromkeys(page.get_by_role("option").all_inner_texts())
        if len(found) == before:
            page.keyboard.press("Escape")
            return [option for option in found if option != "your own"]
        page.get_by_role("option").last.scroll_into_view_if_needed()
        page.wait_for_timeout(50)


def pick(page, box, option):
    """Click an option; where the page, which was still being drawn, closed the list before, open it again."""
    while True:
        box.fill(option)
        with contextlib.suppress(PlaywrightTimeout):
            return page.get_by_role("option", name=option, exact=True).click(timeout=5000)


def choose(page, label, option):
    box = page.get_by_role("combobox", name=label, exact=True).first
    assert option in options(page, box)
    pick(page, box, option)


def waits_for(page, label, option):
    page.wait_for_function(
        "([label, option]) => [...document.querySelectorAll('input[role=combobox]')]"
        ".some(box => box.getAttribute('aria-label')?.includes(label) && box.value === option)"
        " && !document.querySelector('[data-testid=stStatusWidget]')",
        arg=[label, option],
    )


@pytest.mark.parametrize("path", ["compare", "live", "per_class", "speed", "training"])
def test_every_option_of_every_box_is_chosen_twice(app_url, desktop, path):
    """The next is chosen as soon as the address has the last: it changes at every choice, or the choice was lost."""
    desktop.goto(f"{app_url}/{path}")
    boxes = desktop.locator("[data-testid=stSelectbox]:not(.st-key-asked-run *) input[role=combobox]")
    boxes.first.wait_for()
    desktop.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    for number in reversed(range(boxes.count())):  # those of networks and methods last: they change the others
        box = boxes.nth(number)
        chosen = options(desktop, box)
        for option in [*chosen, *chosen] if len(chosen) > 1 else []:
            if box.input_value() == option:
                continue
            before = desktop.evaluate("location.search")
            pick(desktop, box, option)
            desktop.wait_for_function("before => location.search !== before", arg=before)
            expect(box).to_have_value(option, timeout=1000 * PATIENCE)
        desktop.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        if chosen:
            expect(box).to_have_value(chosen[-1], timeout=1000 * PATIENCE)


def test_a_drag_adds_no_history_and_back_leads_to_what_was_there(app_url, desktop):
    open_live(desktop, app_url, model="mlp_mnist", sparsity=0.9, layers="inner")
    before = desktop.evaluate("history.length")
    x, y, step = grab(desktop)
    for move in range(1, 11):
        desktop.mouse.move(x - move * step, y)
        wait_for(desktop, round(0.9 - 0.01 * move, 2))
    desktop.mouse.up()
    desktop.wait_for_function("location.search.includes('sparsity=0.8')")
    assert desktop.evaluate("history.length") == before
    choose(desktop, "method", METHODS["low_rank"].title)
    desktop.wait_for_function("location.search.includes('method=low_rank')")
    assert desktop.evaluate("history.length") == before + 1
    desktop.get_by_role("link", name="Per class").click()
    desktop.get_by_role("heading", name="Per class", exact=True).wait_for()
    desktop.go_back()
    waits_for(desktop, "method", METHODS["low_rank"].title)
    desktop.go_back()
    waits_for(desktop, "method", METHODS["condense"].title)
    wait_for(desktop, 0.8)
    assert (asked(desktop)["model"], asked(desktop)["sparsity"]) == ("mlp_mnist", "0.8")
    desktop.go_forward()
    waits_for(desktop, "method", METHODS["low_rank"].title)


def test_charts_follow_the_theme_of_the_system(app_url, desktop):
    open_live(desktop, app_url, model="mlp_mnist", sparsity=0.9, layers="inner")
    ink = "document.querySelector('.live-figure')._fullLayout.font.color"
    light = desktop.evaluate(ink)
    desktop.emulate_media(color_scheme="dark")
    desktop.wait_for_function(f"{ink} !== '{light}'")
    desktop.emulate_media(color_scheme="light")
    desktop.wait_for_function(f"{ink} === '{light}'")
