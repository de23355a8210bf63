"""A CSV file of the user's own through every command that takes data: the same options, the same runs."""

import json

import click
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from labkit import data, models, runs
from labkit.cli import cli, main
from labkit.cli.options import open_options

READ = ("--target", "outcome", "--groups", "sex", "--favourable", "good", "--separator", ";", "--decimal", ",")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """people.csv, a small table as spreadsheets of many countries write it, and a small network that was trained on it."""
    rng = np.random.default_rng(0)
    age, income = rng.normal(40, 9, 400), rng.normal(2, 0.5, 400)
    frame = pd.DataFrame({"age": age.round(2), "income": income.round(2), "sex": rng.choice(["f", "m"], 400)})
    frame["outcome"] = np.where(age / 40 + income + rng.normal(0, 0.2, 400) > 3, "good", "bad")
    frame.to_csv(tmp_path / "people.csv", sep=";", decimal=",", index=False)
    monkeypatch.chdir(tmp_path)
    opened = data.open_dataset("people.csv", target="outcome", groups=["sex"], favourable="good", separator=";", decimal=",")
    network = models.train_small_mlp(opened)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    return tmp_path


@pytest.fixture
def labkit(capsys):
    def run(*words, code=0):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert end.value.code == code, said.err
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.err.strip()

    return run


def commands(group, path=()):
    for name, command in group.commands.items():
        yield from commands(command, (*path, name)) if isinstance(command, click.Group) else [((*path, name), command)]


def test_every_command_that_takes_data_takes_the_options_of_a_table():
    own = {param.name for param in click.command(open_options(lambda: None)).params}
    assert {"target", "groups", "favourable", "size", *data.TABLE_OPTIONS} == own
    takes = {path: {param.name for param in command.params} for path, command in commands(cli)}
    # `runs recommend --data` filters stored runs and opens nothing
    taking = {path for path, names in takes.items() if "data" in names} - {("runs", "recommend")}
    assert {("sweep",), ("export",), ("audit",), ("compress",), ("app",)} <= taking
    for path in taking:
        assert own <= takes[path], path


def test_a_table_with_semicolons_is_swept_audited_and_taken_away(here, labkit):
    (here / "grid.yaml").write_text("models: {small_mlp: {weights: w.safetensors}}\nmethods: {condense: {sparsity: [0.8]}}\n")
    (swept,) = json.loads(labkit("sweep", "grid.yaml", "--data", "people.csv", *READ, "--json"))
    alone = ("--model", "small_mlp", "--weights", "w.safetensors", "--data", "people.csv", *READ)
    made = json.loads(labkit("compress", *alone, "--method", "condense", "--set", "sparsity=0.8", "--store", "other", "--json"))
    assert swept["run"] == made["run"]
    facts = [json.loads((here / store / swept["run"] / "run.json").read_text()) for store in ("runs", "other")]
    assert facts[0]["data"] == facts[1]["data"] == "people"
    assert facts[0]["sources"]["data"] == facts[1]["sources"]["data"]
    assert "harmed_groups[sex]" in swept["summary"]
    assert json.loads(labkit("audit", "--run", swept["run"], "--json"))["summary"]["agreement"] == made["summary"]["agreement"]

    (here / "people.csv").rename(here / "moved.csv")
    assert "give their place with --data" in labkit("export", swept["run"], "--format", "safetensors", "--out", "a", code=2)
    taken = json.loads(labkit("export", swept["run"], "--format", "safetensors", "--out", "a", "--data", "moved.csv", "--json"))
    assert taken["formats"][0]["check"]["examples"] > 0


def test_two_runs_are_compared_group_by_group(here, labkit):
    (here / "grid.yaml").write_text("models: {small_mlp: {weights: w.safetensors}}\nmethods: {condense: {sparsity: [0.6, 0.95]}}\n")
    first, second = (
        run["run"] for run in json.loads(labkit("sweep", "grid.yaml", "--data", "people.csv", *READ, "--no-weights", "--json"))
    )
    told = json.loads(labkit("runs", "compare", first, second, "--json"))["groups"]
    store = runs.Store("runs")
    for row in told:
        for name, run in (("reference_accuracy", first), ("accuracy", second)):
            assert row[name] == pytest.approx(store.audit_of(run).by_group.loc[("sex", row["group"]), "accuracy_score"])
    assert [row["group"] for row in told] == ["f", "m"]
    shown = labkit("runs", "compare", first, second)
    assert "by group, change from the first to the second" in shown
    assert told[0]["verdict"] in shown
    (here / "people.csv").unlink()
    assert "by class" in labkit("runs", "compare", first, second)  # the rest needs no data
    assert json.loads(labkit("runs", "compare", first, second, "--json"))["groups"] is None


def test_the_command_line_wins_over_the_grid(here, labkit):
    (here / "grid.yaml").write_text(
        "models: {small_mlp: {weights: w.safetensors}}\nmethods: [quantize]\ndata: people.csv\n"
        "data_options: {target: sex, groups: [outcome], separator: ';', decimal: ','}\n"
    )
    (swept,) = json.loads(labkit("sweep", "grid.yaml", "--target", "outcome", "--groups", "sex", "--json"))
    assert "harmed_groups[sex]" in swept["summary"]


def test_what_a_sweep_cannot_read_is_one_sentence(here, labkit):
    (here / "grid.yaml").write_text("models: [small_mlp]\nmethods: [quantize]\n")
    assert "say what data small_mlp is for" in labkit("sweep", "grid.yaml", "--target", "outcome", code=2)
    said = labkit("sweep", "grid.yaml", "--data", "people.csv", "--target", "income2", code=1)
    assert "unknown column of people.csv 'income2'; did you mean 'income'" in said
    assert "--separator belongs to a GRID file" in labkit("sweep", "--gallery", "--separator", ";", code=2)
    (here / "grid.yaml").write_text("models: [mlp_adult]\nrules: [rigl]\n")
    said = labkit("sweep", "grid.yaml", "--data", "people.csv", *READ, code=1)
    assert "a rule trains a reference model on its own data" in said
