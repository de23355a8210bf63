"""Shared fixtures."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

ROOT = Path(__file__).parents[1]

# a busy machine is no failure: no time limit for an example or for drawing one; the blob repeats a failure elsewhere
settings.register_profile("labkit", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("labkit")


@pytest.fixture
def image_folder(tmp_path):
    """A folder of 2 classes x 10 grey 8x8 images; pixel (0, 0) of image i of class c is 100 c + i."""
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((8, 8), 100 * label + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i:02d}.png")
    return tmp_path / "pictures"


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless; fails, not skips, when there is none."""
    from playwright.sync_api import sync_playwright

    spec = importlib.util.spec_from_file_location("find_browser", ROOT / "tools" / "find_browser.py")
    finder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(finder)
    path = finder.find_browser()
    assert path, "no Chromium found; run tools/browser.sh"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()
