"""Tables on a terminal say what they were given."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from labkit.cli.output import MANY, print_table


def test_square_brackets_are_printed(capsys):
    print_table(pd.DataFrame({"figure": ["dpd[sex]"], "value [pp]": [0.25]}), "by [bold]")
    text = capsys.readouterr().out
    for word in ("dpd[sex]", "value [pp]", "by [bold]", "0.25"):
        assert word in text


def test_long_tables_lose_nothing(capsys):
    rows = 2 * MANY
    print_table(pd.DataFrame({"run": [f"r{i}" for i in range(rows)], "accuracy": [i / rows for i in range(rows)]}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == rows + 1
    assert lines[-1].split() == [f"r{rows - 1}", "0.999"]
    assert len({line.find("0.") for line in lines[2:]}) == 1  # aligned


def test_the_first_column_is_never_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    name = "worst_group_accuracy_of_all"
    print_table(pd.DataFrame({"measure": [name], **{f"column {i}": ["many words here"] for i in range(6)}}))
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_cell_is_cut_and_what_is_left_out_is_named(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    rows = {
        "run": ["0123456789abcdef", "0123456789abcdff"],
        "method": ["condense inner sparsity=0.9 epochs=1", "condense inner sparsity=0.9 epochs=2"],
        "accuracy": ["92.38 %", "91.00 %"],
        "of the bytes": ["31 %", "30 %"],
        "reference_accuracy": [0.9, 0.8],
        "latency": ["52 % (50 to 55 %)", "98 % (94 to 103 %)"],
    }
    print_table(pd.DataFrame(rows), keep=2)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    table, _, left_out = text.partition("Left out at")
    dropped = [name for name in rows if name in " ".join(left_out.split()).partition(";")[0]]
    assert bool(dropped) == (width < 80)
    for name in set(rows) - set(dropped):
        for cell in rows[name]:
            for word in str(cell).split():
                assert word in table, (name, word)
    assert {"run", "method"}.isdisjoint(dropped)


@pytest.mark.slow
def test_the_gallery_at_80_columns_tells_runs_apart():
    command = [sys.executable, "-m", "labkit", "runs", "list", "--gallery"]
    wide, narrow, facts = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": str(columns)})
        for columns, more in ((300, []), (80, []), (80, ["--json"]))
    )
    ids = [run["run"] for run in json.loads(facts.stdout)]
    table, _, left_out = narrow.stdout.partition("Left out at 80 characters: ")
    lines = table.splitlines()
    assert max(map(len, lines)) <= 80
    starts = [number for number, line in enumerate(lines) if any(line.startswith(name[:8]) for name in ids)]
    assert len(starts) == len(ids)
    # the words of the narrow rows are those of the wide ones: nothing is cut
    rows = [" ".join(lines[start:stop]).split() for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True)]
    whole = [line.split() for line in wide.stdout.splitlines() if any(line.startswith(name[:8]) for name in ids)]
    assert all(set(row) <= set(full) for row, full in zip(rows, whole, strict=True))
    assert len({tuple(row[1:4]) for row in rows}) > 30
    assert "latency" in left_out
