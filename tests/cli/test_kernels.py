"""`labkit kernels`."""

import json
import os
import subprocess
import sys

import pytest

from labkit.kernels import choice


@pytest.fixture
def labkit_kernels(tmp_path):
    """Run the command with an empty cache folder, so that no table of this machine is found."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*arguments):
        command = [sys.executable, "-m", "labkit", "kernels", "--json", *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


def test_it_prints_what_auto_selects_and_why(tmp_path, labkit_kernels):
    facts = labkit_kernels("--write", str(tmp_path / "table.json"))
    large = [row for row in facts["rows"] if row["layer"] == "3072 -> 768" and row["sparsity"] == 0.9]
    assert {row["takes"] for row in large} == {"cpu"}
    assert all(row["reason"].startswith("the nearest measurement") for row in large)
    assert json.loads((tmp_path / "table.json").read_text()) == json.loads(choice.SHIPPED.read_text())


def test_it_uses_the_table_of_this_machine(tmp_path, labkit_kernels):
    times = {"cpu_us": 9.0, "dense_us": 1.0, "kept_us": 1.0}
    rows = [{"inputs": 3072, "outputs": 768, "density": 0.1, "batch": 16, **times}]
    path = tmp_path / "cache" / "labkit" / "kernels.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cpu": choice.cpu_name(), "threads": 1, "rows": rows}))
    assert {row["takes"] for row in labkit_kernels()["rows"]} == {"dense"}
