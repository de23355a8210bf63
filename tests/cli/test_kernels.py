"""`labkit kernels`."""

import json
import subprocess
import sys


def test_it_says_what_auto_takes_and_why(tmp_path):
    command = [sys.executable, "-m", "labkit", "kernels", "--json", "--write", str(tmp_path / "table.json")]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    large = [row for row in facts["rows"] if row["layer"] == "3072 -> 768" and row["sparsity"] == 0.9]
    assert {row["takes"] for row in large} == {"cpu"}
    assert all(row["reason"].startswith("the nearest measurement") for row in large)
    written = json.loads((tmp_path / "table.json").read_text())
    assert {"cpu", "threads", "rows"} == set(written)
