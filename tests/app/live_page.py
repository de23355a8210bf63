"""What the browser tests do on the Live page, and what the library says about it."""

from labkit import compress, data, live, models
from labkit.audit import headlines
from tests.app.conftest import place_of


def steps(method="condense"):
    """Every value of a method's first slider."""
    return compress.METHODS[method].params[live.slider_of(method)].grid()


def open_live(page, url, **settings):
    """Open the Live page with settings in its address, and wait until cards and figures are there."""
    address = "&".join(f"{name}={value}" for name, value in {"method": "condense", **settings}.items())
    page.goto(f"{url}/live?{address}")
    page.locator(".live-figure .main-svg").first.wait_for()
    page.locator('.cards[data-waiting="false"]').wait_for()


def wait_for(page, place):
    """Wait until the slider stands at `place`."""
    page.locator(f'.live-slider[data-value="{place}"]').wait_for()


def value(page):
    """Where the first slider stands."""
    return float(page.locator(".live-slider").first.get_attribute("data-value"))


def card(page, key):
    """The figure on a card; waits until the cards are of the slider's value."""
    page.locator('.cards[data-waiting="false"]').wait_for()
    return page.locator(f'.card[data-key="{key}"] .number').inner_text()


def grab(page):
    """Press the mouse on the thumb, and return where one step lies: (x, y, pixels a step)."""
    slider = page.locator(".live-slider").first
    box = place_of(page, slider.locator("input"))
    thumb = slider.evaluate("node => parseFloat(getComputedStyle(node).getPropertyValue('--thumb')) * 16")
    count = int(slider.locator("input").get_attribute("max"))
    place = int(slider.locator("input").input_value())
    step = (box["width"] - thumb) / count
    x, y = box["x"] + thumb / 2 + place * step, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y, step


def truth(model="vit_fashion", method="condense", layers="inner"):
    """Slider value -> what each card must say, from the library's grid."""
    split = data.load(models.get_recipe(model).data).test
    known = live.session(model, split).steps(method, {"layers": layers})
    return {step: {line.key: line.value for line in headlines(summary)} for step, summary in known.items()}
