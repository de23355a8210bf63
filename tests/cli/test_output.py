"""Tables on a terminal say what they were given."""

import pandas as pd

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
