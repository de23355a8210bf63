"""The commands that texts tell a reader to type exist."""

import re

import pytest

from tests.install.conftest import ROOT

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TEXTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def make_targets(text):
    """Targets of ``make`` in inline code and in the lines of code blocks."""
    blocks = [line for block in re.findall(r"```.*?\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    code = [*blocks, *re.findall(r"`([^`\n]+)`", text)]
    return {target for line in code for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", line)}


def test_the_readme_names_the_two_commands():
    assert make_targets((ROOT / "README.md").read_text()) >= {"app", "test"}


@pytest.mark.parametrize("name", TEXTS)
def test_every_make_target_in_a_text_exists(name):
    assert make_targets((ROOT / name).read_text()) <= TARGETS


def test_every_stage_of_make_test_is_a_target():
    (stages,) = re.findall(r"^STAGES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(stages.split()) <= TARGETS
    assert {"lint", "docs", "unit", "browser-tests", "notebook-tests", "install-tests"} <= set(stages.split())
