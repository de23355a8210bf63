"""Shared fixtures."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def image_folder(tmp_path):
    """A folder of 2 classes x 10 grey 8x8 images; pixel (0, 0) of image i of class c is 100 c + i."""
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((8, 8), 100 * label + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i:02d}.png")
    return tmp_path / "pictures"
