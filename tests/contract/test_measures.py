"""What holds for every measure, the built-in ones and one that a user registers from one file."""

import copy
import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import top_k_accuracy_score
from torch import nn

from labkit import audit, compress, runs
from labkit.audit import MEASURES, Limit, Measure, Measured, Param, Value, register_measure
from labkit.data import NodeSplit, Split
from labkit.plugins import load_plugin

spec = importlib.util.spec_from_file_location("outside", Path(__file__).with_name("outside.py"))
outside = importlib.util.module_from_spec(spec)
spec.loader.exec_module(outside)

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True)
def from_outside(tmp_path):
    for name in ("MEASURE", "ASKED", "MULTILABEL"):
        path = tmp_path / f"my_{name.lower()}.py"
        path.write_text(getattr(outside, name))
        load_plugin(path)


def a_split(rows=300, classes=CLASSES[:2], seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(classes), rows)
    x = (rng.normal(size=(rows, 4)) + 1.2 * np.eye(4)[labels]).astype(np.float32)
    return Split(labels, classes, x=x, groups=pd.DataFrame({"site": rng.choice(["n", "s"], rows)}))


def networks(classes=2):
    torch.manual_seed(0)
    reference = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, classes)).eval()
    with torch.no_grad():
        reference[2].weight.mul_(3)
    return reference, compress.condense(reference, sparsity=0.7)


def audited(**options):
    split = a_split()
    reference, small = networks()
    return audit.audit(small, split, reference=reference, seconds=0.02, measures=["weight_norm"], **options)


NAMES = [*MEASURES, "top_k", "weight_norm"]


def figures_of(key, summary):
    return {name: value for name, value in summary.items() if name == key or name.startswith((f"{key}_", f"{key}["))}


@pytest.mark.parametrize("key", NAMES)
def test_a_measure_has_a_figure_a_format_and_a_help(key):
    summary = audited().summary
    measure = MEASURES[key]
    name = measure.worst(summary)
    assert name is not None
    text = measure.shown(summary[name])
    assert any(character.isdigit() for character in text)
    assert measure.help.endswith(".")
    assert measure.title == measure.title.strip() != ""


@pytest.mark.parametrize("key", NAMES)
def test_equal_seeds_give_equal_figures(key):
    if not MEASURES[key].repeatable:
        first = audited().summary
        assert 0 < first[f"{key}_low"] <= first[key] <= first[f"{key}_high"]  # a timing is never the same twice; what it is of is
        return
    first, again = (figures_of(key, audited(seed=3).summary) for _ in range(2))
    assert first
    assert first == pytest.approx(again, nan_ok=True)


def test_no_measure_touches_networks_or_data():
    split = a_split()
    reference, small = networks()
    reference.train()
    before = copy.deepcopy((reference.state_dict(), small.state_dict()))
    examples, labels = split.x.copy(), split.labels.copy()
    audit.audit(small, split, reference=reference, seconds=0.02, measures=["weight_norm"])
    assert reference.training
    assert not small.training
    for old, new in zip(before, (reference.state_dict(), small.state_dict()), strict=True):
        assert all(torch.equal(old[name], new[name]) for name in old)
    assert np.array_equal(examples, split.x)
    assert np.array_equal(labels, split.labels)


def test_figures_and_tables_survive_the_store(tmp_path):
    found, (_, small) = audited(), networks()
    store = runs.Store(tmp_path)
    run = store.save(small, audit=found, config={"method": "condense", "parameters": {"sparsity": 0.7}, "model": "m", "data": "d"})
    again = store.load(run.id, base=networks()[0])[1]
    pd.testing.assert_series_equal(again.summary, found.summary)
    assert list(again.extras) == list(found.extras) == ["top_k_table"]
    pd.testing.assert_frame_equal(again.extras["top_k_table"], found.extras["top_k_table"])
    assert (run.folder / "extra.top_k_table.parquet").is_file()
    table = store.table()
    for key in NAMES:
        assert figures_of(key, table.loc[run.id])


def test_the_outside_measure_is_right_and_is_shown_everywhere(tmp_path):
    split, (reference, small) = a_split(), networks()
    found = audit.audit(small, split, reference=reference, cost=False)
    probabilities = np.stack(found.predictions["probabilities"])
    assert found.summary["top_k"] == 1.0  # two classes, k = 2
    wide = a_split(classes=CLASSES, seed=1)
    reference, small = networks(3)
    found = audit.audit(small, wide, reference=reference, cost=False, measures={"top_k": {"k": 1}})
    assert found.summary["top_k"] == found.summary["accuracy"]
    found = audit.audit(small, wide, reference=reference, cost=False)
    probabilities = np.stack(found.predictions["probabilities"])
    assert found.summary["top_k"] == pytest.approx(top_k_accuracy_score(wide.labels, probabilities, k=2))
    line = next(line for line in audit.headlines(found.summary) if line.key == "top_k")
    assert line.value == f"{100 * found.summary['top_k']:.1f} %"
    assert line.delta == f"{100 * found.summary['reference_top_k']:.1f} % uncompressed"
    assert "top-k accuracy: " in repr(found)
    assert "top k" in found._repr_html_()
    assert found.to_dict()["extras"]["top_k_table"][0]["measure"] == "top k"
    assert [column.title for column in audit.columns(found.summary.index) if column.figure == "top_k"] == ["top-k accuracy"]


def test_a_limit_on_the_outside_measure_decides():
    rows = {
        "small": {"top_k": 0.80, "bytes": 1.0, "bytes_ratio": 0.1},
        "large": {"top_k": 0.95, "bytes": 2.0, "bytes_ratio": 0.2},
    }
    same = {
        "model": "m",
        "method": "x",
        "data": "d",
        "damaged": "",
        "accuracy": 0.9,
        "accuracy_change": 0.0,
        "affected_classes": 0.0,
    }
    table = pd.DataFrame({name: {**same, **row} for name, row in rows.items()}).T.rename_axis("id")
    assert runs.recommend(table).id == "small"
    answer = runs.recommend(table, top_k=0.9)
    assert answer.id == "large"
    assert "top-k accuracy at least 90 %" in answer.reason
    assert answer.considered.loc["small", "broken"] == "top-k accuracy 80 % (at least 90 %)"
    with pytest.raises(ValueError, match="unknown limit 'top_j'; did you mean 'top_k'"):
        runs.recommend(table, top_j=0.9)


def test_asked_measures_wait_to_be_asked(tmp_path):
    split, (reference, small) = a_split(), networks()
    assert "weight_norm" not in audit.audit(small, split, cost=False).summary
    norm = audit.audit(small, split, cost=False, measures={"weight_norm": {"power": 1}}).summary["weight_norm"]
    assert norm == pytest.approx(sum(float(p.detach().abs().sum()) for p in small.parameters()))
    with pytest.raises(ValueError, match="measure weight_norm needs model, which this audit does not have"):
        audit.audit_logits(np.zeros((300, 2), np.float32), split, measures=["weight_norm"])
    store = runs.Store(tmp_path)
    first = audit.audit(small, split, reference=reference, cost=False)
    run = store.save(small, audit=first, config={"method": "condense", "model": "m", "data": "d"})
    later = audit.audit(small, split, reference=reference, cost=False, measures=["weight_norm"])
    assert store.extend(run.id, later).summary["weight_norm"] == later.summary["weight_norm"]
    again = store.load(run.id, base=reference)[1]
    pd.testing.assert_frame_equal(again.predictions, first.predictions)
    assert again.summary["accuracy"] == first.summary["accuracy"]
    other = audit.audit(reference, split, reference=reference, cost=False)
    with pytest.raises(ValueError, match="is of another model or other data"):
        store.extend(run.id, other)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"weight_nrm": {}}, "unknown measure 'weight_nrm'; did you mean 'weight_norm'"),
        ({"weight_norm": {"pow": 2}}, "unknown parameter of weight_norm 'pow'"),
        ({"weight_norm": {"power": 1.5}}, "parameter power of weight_norm needs a whole number, got 1.5"),
        ({"precision_1": {}}, "applies to multilabel, and this split is of task classification"),
    ],
)
def test_bad_requests_are_one_sentence_and_nothing_runs(asked, words):
    class Never(nn.Module):
        def forward(self, x):
            raise AssertionError("it ran")

    with pytest.raises(ValueError, match=words):
        audit.audit(Never(), a_split(), measures=asked)


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (lambda evidence: 1 / 0, "measure broken failed: ZeroDivisionError"),
        (lambda evidence: "much", "figure broken must be a number or a labkit.audit.Value, got 'much'"),
        (lambda evidence: {"accuracy": 1.0}, "measure broken returns accuracy, which another measure has returned"),
        (lambda evidence: Measured({}, {"../x": pd.DataFrame()}), "must be named with letters, digits and underscores"),
        (lambda evidence: Measured({}, {"x": [1]}), "table x of measure broken must be a DataFrame, got list"),
    ],
)
def test_a_measure_that_fails_is_named(compute, words):
    register_measure(Measure("broken", "broken", compute=compute))
    with pytest.raises(ValueError, match=words):
        audit.audit(networks()[1], a_split(), cost=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"needs": "luck"}, "needs of measure m must be among reference"),
        ({"tasks": ("regression",)}, "tasks of measure m must be among classification"),
        ({"better": "larger"}, "better of measure m must be"),
        ({"when": "tasks"}, "when of measure m must be"),
        ({"format": "percnt"}, "format must be one of percent"),
    ],
)
def test_a_measure_of_unknown_words_cannot_be_made(options, words):
    with pytest.raises(ValueError, match=words):
        Measure("m", "m", compute=len, **options)


def test_only_measures_can_be_registered():
    with pytest.raises(TypeError, match=r"register takes a labkit.audit.Measure, got str"):
        register_measure("accuracy")
    with pytest.raises(ValueError, match="a measure's name must be a Python identifier"):
        register_measure(Measure("my measure", "m", compute=len))


def test_intervals_become_figures():
    register_measure(Measure("mine", "mine", compute=lambda evidence: Value(0.5, 0.4, 0.6)))
    summary = audit.audit(networks()[1], a_split(), cost=False).summary
    assert summary[["mine", "mine_low", "mine_high"]].tolist() == [0.5, 0.4, 0.6]


def test_limits_fill_in_what_is_left_open():
    slider = Param(0.0, 1.0, 0.5)
    high = Measure("q", "quality", compute=len, limit=Limit(slider)).limit
    low = Measure("e", "error", compute=len, better="lower", limit=Limit(slider, unit="pp", scale=100)).limit
    assert (high.name, high.figure, high.title, high.lower) == ("q", "q", "quality at least", True)
    assert (low.title, low.lower, low.sentence(0.05)) == ("error at most", False, "error at most 5 pp")


class Multi(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0], x[:, 1], -x[:, 0]], dim=1)


def test_a_multilabel_audit_by_an_outside_measure(tmp_path):
    x = np.array([[1, 0], [0, 1], [-1, 0], [2, 1]], np.float32)
    pairs = np.array([[0, 0], [0, 1], [1, 1], [2, 0], [3, 2]])
    split = Split(pairs, CLASSES, x=x)
    found = audit.audit(Multi(), split, reference=Multi(), seconds=0)
    assert found.task == "multilabel"
    assert found.summary["precision_1"] == 0.5  # rows 0 and 1
    assert "accuracy" not in found.summary
    assert found.summary["bytes"] == 0
    assert found.per_class["examples"].tolist() == [2, 2, 1]
    store = runs.Store(tmp_path)
    run = store.save(None, audit=found, config={"method": "none", "model": "m", "data": "d"})
    again = store.load(run.id)[1]
    assert again.task == "multilabel"
    assert again.confusion is None
    pd.testing.assert_frame_equal(again.predictions, found.predictions)
    assert "Audit of 4 examples (multilabel)" in repr(found)
    assert "<table" in found._repr_html_()
    for bad, words in ((np.array([[0, 3]]), "points outside the 4 rows"), (np.array([[4, 0]]), "points outside")):
        with pytest.raises(ValueError, match=words):
            audit.audit(Multi(), Split(bad, CLASSES, x=x))


def test_a_task_without_measures_of_predictions_says_so():
    del MEASURES["precision_1"]
    split = Split(np.array([[0, 0]]), CLASSES, x=np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="no registered measure judges predictions of the task multilabel; register one"):
        audit.audit(Multi(), split)


class Neighbours(nn.Module):
    """The mean of the neighbours' features; class 1 where it is positive."""

    def forward(self, x, edges):
        total = torch.zeros_like(x).index_add_(0, edges[1], x[edges[0]])
        return torch.cat([-total, total], dim=1)


class Graph:
    """A path of five nodes with features -1, 1, 1, -1, 1."""

    x = torch.tensor([[-1.0], [1.0], [1.0], [-1.0], [1.0]])
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    y = torch.tensor([1, 0, 0, 1, 1])


def test_nodes_of_a_graph_are_audited_by_their_index():
    # sums of neighbours: 1, 0, 0, 2, -1; ties go to class 0
    split = NodeSplit(Graph, np.array([0, 3, 4]), ("no", "yes"), groups=pd.DataFrame({"half": ["a", "b", "b"]}))
    found = audit.audit(Neighbours(), split, reference=Neighbours(), seconds=0)
    assert found.task == "nodes"
    assert found.predictions["predicted"].tolist() == [1, 1, 0]
    assert found.summary["accuracy"] == pytest.approx(2 / 3)
    assert found.summary["worst_group_accuracy[half]"] == 0.5
    assert found.summary["affected_classes"] == 0
    assert found.summary["parameters"] == 0
    other = NodeSplit(Graph, np.array([0, 3]), ("no", "yes"))
    assert audit.data_id(other) != audit.data_id(split)
    assert audit.data_id(replace(split.subset(slice(0, 2)), groups=None)) == audit.data_id(other)
    with pytest.raises(ValueError, match="index runs from 0 to 5, but the graph has 5 nodes"):
        NodeSplit(Graph, np.array([0, 5]), ("no", "yes"))
    with pytest.raises(ValueError, match="the split is empty"):
        audit.audit(Neighbours(), split.subset(slice(0, 0)))


def test_more_than_256_classes():
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 700, 2000), tuple(f"c{i}" for i in range(700)), x=np.zeros((2000, 1), np.float32))
    logits = rng.normal(size=(2000, 700)).astype(np.float32) + 5 * np.eye(700, dtype=np.float32)[split.labels]
    found = audit.audit_logits(logits, split, logits)
    assert found.summary["accuracy"] == np.mean(logits.argmax(1) == split.labels)
    assert len(found.per_class) == 700


@pytest.mark.slow
def test_the_command_line_knows_it(tmp_path):
    def labkit(*arguments):
        plugins = [word for name in ("MEASURE", "ASKED") for word in ("--plugin", str(tmp_path / f"my_{name.lower()}.py"))]
        command = [sys.executable, "-m", "labkit", *plugins, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "COLUMNS": "200"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert {"top_k", "weight_norm"} <= {row["measure"] for row in json.loads(labkit("measures", "--json"))}
    assert "--top-k" in labkit("runs", "recommend", "--help")
    (tmp_path / "grid.yaml").write_text("models: [mlp_adult]\nmethods: {condense: {sparsity: [0.8]}}\n")
    run = json.loads(labkit("sweep", "grid.yaml", "--json"))[0]
    assert run["summary"]["top_k"] == 1
    assert "weight_norm" not in run["summary"]
    again = json.loads(labkit("sweep", "grid.yaml", "--measures", "weight_norm", "--json"))[0]
    assert again["run"] == run["run"]
    assert again["summary"]["weight_norm"] > 0
    assert {name: value for name, value in again["summary"].items() if name != "weight_norm"} == run["summary"]
    wide = labkit("runs", "list")
    assert "100.0 %" in wide
    shown = json.loads(labkit("audit", "--run", run["run"], "--measures", "weight_norm", "--json"))
    assert shown["extras"]["top_k_table"]
    assert shown["summary"]["weight_norm"] == pytest.approx(again["summary"]["weight_norm"])
    assert "top_k_table" in labkit("runs", "show", run["run"])


def test_intervals_by_group_keep_the_group_last():
    register_measure(Measure("gap", "gap", better="lower", compute=lambda evidence: {"gap[sex]": Value(0.1, 0.0, 0.3)}))
    summary = audit.audit(networks()[1], a_split(), cost=False).summary
    assert summary[["gap[sex]", "gap_low[sex]", "gap_high[sex]"]].tolist() == [0.1, 0.0, 0.3]
    assert MEASURES["gap"].worst(summary) == "gap[sex]"
    assert [column.title for column in audit.columns(summary.index) if "gap[" in column.figure] == ["gap by sex"]


@pytest.mark.parametrize(
    "asked", ["weight_norm", iter(["weight_norm"]), {"weight_norm": None}], ids=["name", "iterator", "mapping"]
)
def test_measures_are_asked_for_in_any_form(asked):
    assert "weight_norm" in audit.audit(networks()[1], a_split(), cost=False, measures=asked).summary


def test_other_settings_replace_the_figures_of_that_measure_alone(tmp_path):
    split, (reference, small) = a_split(), networks()
    store = runs.Store(tmp_path)
    options = {"reference": reference, "cost": False}
    first = audit.audit(small, split, measures=["weight_norm"], **options)
    run = store.save(small, audit=first, config={"method": "condense", "model": "m", "data": "d"})
    again = store.extend(run.id, audit.audit(small, split, measures={"weight_norm": {"power": 1}}, **options))
    one = sum(float(p.detach().abs().sum()) for p in small.parameters())
    assert again.summary["weight_norm"] == pytest.approx(one)
    assert again.measures["weight_norm"] == {"version": 1, "settings": {"power": 1}}
    assert {k: v for k, v in again.summary.items() if k != "weight_norm"} == {
        k: v for k, v in run.summary.items() if k != "weight_norm"
    }


def test_figures_against_another_reference_are_refused(tmp_path):
    split, (reference, small) = a_split(), networks()
    store = runs.Store(tmp_path)
    found = audit.audit(small, split, reference=reference, cost=False)
    run = store.save(small, audit=found, config={"method": "condense", "model": "m", "data": "d"})
    other = copy.deepcopy(reference)
    with torch.no_grad():
        other[0].bias.add_(1)
    with pytest.raises(ValueError, match="was audited against another reference network"):
        store.extend(run.id, audit.audit(small, split, reference=other, cost=False, measures=["weight_norm"]))


def test_a_run_whose_exchange_was_killed_comes_back(tmp_path):
    split, (reference, small) = a_split(), networks()
    store = runs.Store(tmp_path)
    found = audit.audit(small, split, reference=reference, cost=False)
    run = store.save(small, audit=found, config={"method": "condense", "model": "m", "data": "d"})
    left = tmp_path / ".half-written" / f"{run.id}-abcd_123"
    left.mkdir(parents=True)
    os.rename(run.folder, left / "old")  # a kill between the two renames leaves this
    os.utime(left, (time.time() - 90_000,) * 2)
    assert store.ids() == []
    store.save(reference, audit=audit.audit(reference, split, cost=False))
    assert run.id in store


@pytest.mark.parametrize("key", ["seed", "model", "damaged", "label", "in_words"])
def test_a_measure_cannot_take_the_name_of_a_column(key):
    with pytest.raises(ValueError, match=f"a measure cannot be named '{key}'"):
        Measure(key, "m", compute=len)


def test_nodes_of_other_groups_are_other_data():
    graph, index = Graph(), np.array([0, 3])
    splits = [NodeSplit(graph, index, ("no", "yes"), groups=pd.DataFrame({"half": half})) for half in (["a", "b"], ["b", "b"])]
    assert audit.data_id(splits[0]) != audit.data_id(splits[1])
    with pytest.raises(ValueError, match="groups have 1 rows for 2 nodes"):
        NodeSplit(graph, index, ("no", "yes"), groups=pd.DataFrame({"half": ["a"]}))
