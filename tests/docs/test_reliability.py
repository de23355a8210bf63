"""Every promise of docs/reliability.md names a test that exists."""

import ast
import re

import pytest

from tests.conftest import ROOT
from tools.soak import disk, fuzzing, kills, sessions

TEXT = (ROOT / "docs" / "reliability.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{path}::{name}" for path, name in NAMED])
def test_the_test_of_a_promise_exists(path, name):
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_a_test():
    rows = [line for line in TEXT.split("## The soak")[0].splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise", "| ---"))]
    assert len(promises) == len(NAMED) > 50
    assert all(re.search(r"\| `tests/[\w/]+\.py::\w+` \|$", row) for row in promises)


def test_the_numbers_of_the_soak_are_those_of_the_code():
    for number in (
        f"{fuzzing.INPUTS:,} mutated inputs",
        f"{kills.KILLS} kills of a sweep of {kills.RUNS} runs",
        f"by {kills.ENDS} s",
        f"{disk.LEVELS} levels",
        f"{sessions.VISITORS} visitors of one dashboard for {sessions.MINUTES} minutes",
        f"within {sessions.BAR:.0f} s",
        f"{sessions.FLAT} times",
    ):
        assert number in TEXT
