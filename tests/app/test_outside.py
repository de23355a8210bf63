"""Measures from an outside file, on the pages."""

import re

import pytest

from labkit import runs
from labkit.audit import MEASURES
from tests.app.conftest import dashboard

PLUGIN = """
import pandas as pd
from labkit.audit import Limit, Measure, Measured, Param, register_measure

def share(evidence):
    counts = pd.Series(evidence.predicted).value_counts(normalize=True)
    table = pd.DataFrame({"class": counts.index, "share": counts.to_numpy()})
    return Measured({"largest_share": float(counts.max())}, tables={"predicted_shares": table})

register_measure(
    Measure(
        "largest_share", "largest predicted share", better="lower", format="percent", help="Fraction of the commonest prediction.",
        limit=Limit(Param(0.0, 100.0, 100.0, step=1.0), unit="%", scale=100), compute=share, when="asked",
        tables={"predicted_shares": ""},
    )
)
register_measure(
    Measure("first_class", "first class", format="percent", compute=lambda evidence: float((evidence.predicted == 0).mean()))
)
"""


@pytest.mark.browser
def test_a_measure_from_outside_is_measured_on_request_and_then_everywhere(tmp_path, desktop):
    assert "largest_share" not in MEASURES
    (tmp_path / "outside.py").write_text(PLUGIN)
    own = runs.Store(tmp_path / "runs")
    with dashboard(
        "--plugin", str(tmp_path / "outside.py"), after=("--no-browser", "--store", str(own.folder)), page=desktop
    ) as url:
        desktop.goto(f"{url}/compare?model=mlp_adult")
        desktop.get_by_role("heading", name="Measures that take longer").wait_for()
        desktop.get_by_text("Not measured on any of these runs yet: largest predicted share.").wait_for()
        assert desktop.locator(".live-slider", has_text="largest predicted share").count() == 0
        desktop.get_by_role("combobox", name=re.compile("run")).last.click()
        desktop.get_by_role("option", name=re.compile("8-bit weights")).first.click()
        desktop.get_by_role("button", name="Measure largest predicted share on the selected run").click()
        slider = desktop.locator(".live-slider", has_text="largest predicted share at most")
        slider.wait_for()
        assert desktop.get_by_test_id("stException").count() == 0
        measured = [found for found in own.runs() if "largest_share" in found.summary]
        assert len(measured) == 1
        assert 0.5 < measured[0].summary["largest_share"] < 1
        desktop.goto(f"{url}/per_class?model=mlp_adult&run={measured[0].id}")
        desktop.get_by_role("heading", name="Predicted shares").wait_for()
        desktop.goto(f"{url}/live?model=mlp_adult&method=condense&layers=all")
        card = desktop.locator('.card[data-key="first_class"] .number')
        card.wait_for()
        desktop.get_by_text(re.compile(r"^Exact: all 9,045")).wait_for()
        assert card.inner_text().endswith(" %")
