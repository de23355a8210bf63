"""Every page, judged by axe-core at the width of a desktop and of a phone, in both themes; the menu of a phone; titles."""

import importlib.util
import sys

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.app.conftest import MAIN, watched

pytestmark = pytest.mark.browser

spec = importlib.util.spec_from_file_location("dashboard_pages", MAIN.parent / "common" / "pages.py")
sys.modules[spec.name] = pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)

# views that show what the page's own address does not: groups, and the form of one's own network
ADDRESSES = [
    *(entry.folder for entry in pages.PAGES if entry is not pages.PAGES[0]),
    "",
    "compare?model=mlp_adult",
    "live?model=your own",
]
SERIOUS = ("serious", "critical")
# Streamlit folds the menu away after a choice where the browser says that it is a phone's
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"
ORDER = "heading-order"  # axe calls it moderate; a reader who jumps from heading to heading loses the way


def settle(page):
    """Wait until the script of the page has ended."""
    page.get_by_role("heading", level=1).first.wait_for()
    page.wait_for_timeout(300)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(700)


def violations(page):
    """What axe finds on the page: rule and the element, in words."""
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    found = [one for one in found if one["impact"] in SERIOUS or one["id"] == ORDER]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_has_a_serious_violation(app_url, browser, address):
    with watched(browser, viewport={"width": 1440, "height": 900}, color_scheme="light") as page:
        page.goto(f"{app_url}/{address}")
        settle(page)
        page.evaluate(AXE_SCRIPT)
        for width in (1440, 420):
            page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                settle(page)
                assert violations(page) == [], (width, theme)


def test_a_phone_has_a_named_menu_that_keyboard_and_finger_reach(app_url, browser):
    phone = {"viewport": {"width": 420, "height": 900}, "has_touch": True, "is_mobile": True, "user_agent": PHONE}
    with watched(browser, **phone) as page:
        page.goto(f"{app_url}/models")
        settle(page)
        menu = page.get_by_role("button", name="Expand sidebar")  # of Streamlit; what is seen is:
        assert menu.evaluate("node => getComputedStyle(node, '::after').content") == '"Menu"'
        box = menu.bounding_box()
        assert min(box["width"], box["height"]) >= 44  # a finger's size
        menu.tap()
        links = page.get_by_test_id("stSidebarNavLink")
        links.first.wait_for()
        assert [link.inner_text().splitlines()[-1] for link in links.all()] == [entry.title for entry in pages.PAGES]
        links.filter(has_text="Speed").tap()
        page.get_by_role("heading", name="Speed", exact=True, level=1).wait_for()
        page.wait_for_function("document.title == 'Speed - labkit'")
        sidebar = "[data-testid=stSidebar][data-collapsed={}]".format
        page.locator(sidebar("true")).wait_for(state="attached")  # a page that is chosen closes it
        menu.focus()
        page.keyboard.press("Enter")
        page.locator(sidebar("false")).wait_for()
        links.first.wait_for()
        reached = []
        while not (reached and reached[-1].endswith("Home")) and len(reached) < 60:  # what the page itself has comes first
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.innerText"))
        assert reached[-1].endswith("Home"), reached
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="labkit", exact=True, level=1).wait_for()
        page.wait_for_function("document.title == 'Home - labkit'")


def test_a_card_of_home_leads_to_its_network(app_url, page):
    page.goto(app_url)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.locator("[data-testid=stMain]").get_by_role("link", name="Compare").nth(1).click()
    page.get_by_role("heading", name="Compare", exact=True, level=1).wait_for()
    page.wait_for_function("location.pathname == '/compare' && location.search.includes('model=')")
