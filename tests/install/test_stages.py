"""tools/stages.sh, with a Makefile of its own: no stage is skipped, none is forgotten."""

import shutil
import subprocess

import pytest

from tests.install.conftest import ROOT


@pytest.fixture
def run_stages(tmp_path):
    """Run stages of a Makefile in which `good` and `late` pass and `bad` fails after a check that passes."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "stages.sh", tmp_path / "tools")
    (tmp_path / "Makefile").write_text(
        "good late:\n\t@echo ran $@\n\nbad: first second\n\nfirst:\n\t@echo ran $@; exit 3\n\nsecond:\n\t@echo ran $@\n"
    )
    return lambda *stages: subprocess.run([tmp_path / "tools" / "stages.sh", *stages], capture_output=True, text=True)


def test_a_failure_stops_nothing_and_is_told_at_the_end(run_stages):
    done = run_stages("good", "bad", "late")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("ran")] == ["ran good", "ran first", "ran second", "ran late"]
    summary = [line.split()[:2] for line in lines[-4:]]
    assert summary == [["stage", "result"], ["good", "passed"], ["bad", "FAILED"], ["late", "passed"]]


def test_all_well_is_exit_status_zero(run_stages):
    assert run_stages("good", "late").returncode == 0
