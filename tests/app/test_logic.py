"""The dashboard's pages, without a browser."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

import labkit
from labkit import models

APP = Path(labkit.__file__).parents[1] / "app"


def test_reference_page_shows_every_model_with_its_accuracy():
    page = AppTest.from_file(str(APP / "pages" / "models.py"), default_timeout=60).run()
    assert not page.exception
    frame = page.dataframe[0].value
    cards = models.cards()
    assert set(frame.index) == set(cards)
    for name, card in cards.items():
        assert abs(frame.loc[name, "test"] - 100 * card.test_accuracy) < 1e-9
