"""The README's figures are those of the cards and benchmark results, its files exist."""

import re
import subprocess
import sys
from pathlib import Path

import labkit

ROOT = Path(labkit.__file__).parents[1]


def test_tables_are_up_to_date():
    answer = subprocess.run([sys.executable, ROOT / "tools" / "readme.py", "--check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_linked_files_exist():
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_ci_runs_the_readmes_test_command():
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()
