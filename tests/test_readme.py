"""The README's figures are those of the cards and benchmark results, its files exist, and it stays short."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import labkit

ROOT = Path(labkit.__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_tables_are_up_to_date():
    answer = subprocess.run([sys.executable, ROOT / "tools" / "readme.py", "--check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_it_is_short_and_its_tables_have_at_most_8_rows():
    assert len(README.splitlines()) <= 150
    tables = re.findall(r"<!-- (\w[\w ]*) -->\n(.*?)\n<!-- /\1 -->", README, flags=re.S)
    assert len(tables) == 3
    for name, table in tables:
        assert 2 < len(table.splitlines()) <= 10, name  # head, rule and rows


def test_linked_files_exist():
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_ci_runs_the_readmes_test_command():
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize(
    ("method", "given", "shown"),
    [
        ("quantize", {"mode": "dynamic", "layers": "all"}, ""),
        ("quantize", {"mode": "weight_only", "layers": "all"}, "mode=weight_only"),
        ("low_rank", {"budget": 0.25, "layers": "inner", "unit": "parameters"}, "budget=0.25 layers=inner"),
        ("low_rank", {"budget": 0.25, "layers": "all", "unit": "bytes"}, "budget=0.25 unit=bytes"),
        ("gone", {"scope": "all"}, "scope=all"),
    ],
)
def test_a_setting_is_left_out_only_at_the_default_of_its_method(method, given, shown):
    sys.path.append(str(ROOT / "tools"))
    from tables.shipped import settings

    assert settings(method, given) == shown
