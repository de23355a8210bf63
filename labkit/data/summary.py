"""Summaries of a data set: counts by class and group, and a grid of example images."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from labkit.data.sensitive import in_order
from labkit.data.split import Dataset, Split
from labkit.files import atomic_path
from labkit.words import shortly

MAX_SHEET = 32_767  # pixels of a side of a picture grid


def counts(dataset: Dataset) -> pd.DataFrame:
    """Count examples by class and part.

    Parameters
    ----------
    dataset : Dataset
        The data set.

    Returns
    -------
    DataFrame
        One row per class, columns train, validation and test.
    """
    return pd.DataFrame({part: split.class_counts() for part, split in dataset.splits.items()})


def group_counts(dataset: Dataset) -> pd.DataFrame:
    """Count examples by sensitive group over all parts.

    Parameters
    ----------
    dataset : Dataset
        Single-label data with groups.

    Returns
    -------
    DataFrame
        One row per (attribute, group), with the number of examples and the fraction of each class in the group.

    Raises
    ------
    ValueError
        If the data set has no groups.
    """
    if dataset.test.groups is None:
        raise ValueError(f"{dataset.name} has no group columns; name some with from_csv(…, groups=[…])")
    parts = dataset.splits.values()
    groups = pd.concat([split.groups for split in parts], ignore_index=True)
    labels = np.concatenate([split.labels for split in parts])
    tables = []
    for column in groups:
        table = pd.crosstab(groups[column], labels)  # one pass: thousands of groups take no longer than two
        table = table.reindex(index=in_order(table.index), columns=range(len(dataset.classes)), fill_value=0)
        sizes = table.sum(axis=1)
        shares = table.div(sizes, axis=0).set_axis(list(dataset.classes), axis=1)
        shares.insert(0, "examples", sizes)
        shares.index = pd.MultiIndex.from_product([[column], shares.index], names=["attribute", "group"])
        tables.append(shares)
    return pd.concat(tables)


def picture_grid(split: Split, path: str | os.PathLike, *, per_class: int = 10, zoom: int | None = None) -> Path:
    """Write an image file with one row of examples per class.

    Parameters
    ----------
    split : Split
        Images.
    path : path
        The suffix selects the format, e.g. PNG or JPEG.
    per_class : int
        Number of examples of each class, from the first.
    zoom : int, optional
        Magnification; by default images are enlarged to about 48 pixels.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the split holds no images, `per_class` is not positive, the grid would be too large, or the suffix is
        no image format.
    """
    if split.images is None:
        raise ValueError("a picture grid needs images; this split holds none")
    for key, number in {"per_class": per_class, "zoom": 1 if zoom is None else zoom}.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f"{key} must be a whole number of at least 1, got {shortly(number)}")
    path = Path(path)
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise ValueError(f"{path} has no image suffix; end it in .png or .jpg")
    _, channels, height, width = split.images.shape
    zoom = zoom or max(1, round(48 / max(height, width)))
    margin, tall, wide = 110, height * zoom + 4, width * zoom + 4
    size = margin + per_class * wide, len(split.classes) * tall
    if max(size) > MAX_SHEET or size[0] * size[1] > MAX_SHEET**2 // 8:
        raise ValueError(f"a grid of {size[0]:,} x {size[1]:,} pixels is too large; give a smaller per_class or zoom")
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for label, name in enumerate(split.classes):
        draw.text((6, label * tall + tall // 2), name[:16], fill="black", font=font, anchor="lm")
        for place, row in enumerate(np.flatnonzero(split.labels == label)[:per_class]):
            pixels = split.images[row].transpose(1, 2, 0)
            picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels[..., :3]).convert("RGB")
            picture = picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
            sheet.paste(picture, (margin + place * wide, label * tall + 2))
    with atomic_path(path) as temporary:
        sheet.save(temporary)
    return path
