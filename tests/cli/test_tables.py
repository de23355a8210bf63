"""How a CSV file is read, on the command line; options in the wrong place; defaults that agree."""

import json

import pytest

from labkit.cli import cli, main
from labkit.cli.words import command_of
from labkit.data import TABLE_OPTIONS


@pytest.fixture
def labkit(capsys):
    def run(*words, code=0):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert end.value.code == code, said.err
        return said.out if code == 0 else said.err.strip()

    return run


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    rows = [f"{i},5;{'' if i == 7 else i % 9};10{i % 3};{'né' if i % 2 else 'à'}" for i in range(40)]
    path.write_text("\n".join(["a;b;post;y", *rows]), encoding="latin-1")
    return path


def test_every_option_of_a_table_is_one_of_every_command_that_takes_data():
    for words in (["compress"], ["audit"], ["app"], ["data", "show"]):
        known = {param.name for param in command_of(cli, words).params}
        assert known >= set(TABLE_OPTIONS), words


def test_a_table_is_read_as_the_options_say(table, labkit):
    given = ("data", "show", table, "--target", "y")
    assert "give --encoding" in labkit(*given, code=2)
    given += ("--encoding", "latin-1")
    said = labkit(*given, code=2)
    assert said.endswith("or give --missing drop to leave those rows out")
    given += ("--missing", "drop", "--decimal", ",", "--separator", ";", "--categories", "post", "--json")
    found = json.loads(labkit(*given))
    assert sum(sum(part.values()) for part in found["classes"].values()) >= 39
    assert json.loads(labkit(*given, "--drop", "a"))["classes"] == found["classes"]


def test_an_option_of_tables_is_refused_for_anything_else(labkit):
    assert labkit("data", "show", "mnist", "--decimal", ",", code=2) == (
        "labkit: decimal applies only to a CSV file; open mnist without it"
    )


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["compress", "--plugin", "x.py", "--model", "a"], "labkit --plugin x.py compress --model a"),
        (["runs", "list", "--plugin=x.py"], "labkit --plugin=x.py runs list"),
        (["compress", "--debug", "--model", "a"], "labkit --debug compress --model a"),
    ],
)
def test_an_option_of_labkit_itself_after_the_command_is_told_its_place(labkit, words, right):
    assert labkit(*words, code=2).endswith(f"stands before the command; write: {right}")


def test_what_the_dashboard_is_to_open_is_checked_before_it_starts(labkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = labkit("app", "--model", "mlp_adlt", "--weights", "gone.pt", "--data", "gone.csv", "--target", "y", code=2)
    assert said.count("; also: ") == 2
    assert "mlp_adult" in said
    assert "gone.pt does not exist" in said
    assert "gone.csv does not exist" in said
    assert "give --model too" in labkit("app", "--target", "y", code=2)
