"""Odd models, damaged folders, full disks and other readers: what goes into the store comes out the same, or one sentence does."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit import audit, compress, models, runs
from labkit.data import Split
from labkit.runs.run import KINDS
from tests.runs.peers import duckdb_rows

ROWS = 40


def a_split(rows=ROWS, classes=("a", "b", "c"), seed=0, groups=True):
    g = np.random.default_rng(seed)
    frame = pd.DataFrame({"sex": g.choice(["f", "m"], rows), "age": g.choice([20, 30, 40], rows)}) if groups else None
    return Split(g.integers(0, 3, rows), classes, x=g.normal(size=(rows, 6)).astype(np.float32), groups=frame)


def a_model(hidden=8, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 3)).eval()


def save(store, model, split=None, reference=None, **options):
    found = audit.audit(model, split or a_split(), reference=reference, cost=options.pop("cost", False), seconds=0)
    return store.save(model, audit=found, **options), found


@pytest.fixture
def store(tmp_path):
    return runs.Store(tmp_path / "runs")


def shared():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(6, 3))


def tied():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    model[2].weight = model[0].weight
    return model


def a_view():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    model[2].weight = nn.Parameter(model[0].weight[:3])
    return model


def transposed():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    model[2].weight = nn.Parameter(model[0].weight.t())  # one memory and one shape, but another matrix
    return model


@pytest.mark.parametrize("make", [shared, tied, a_view, transposed])
@pytest.mark.parametrize("condensed", [False, True])
def test_tensors_that_share_memory_come_back(store, make, condensed):
    model = make().eval()
    small = compress.condense(model, sparsity=0.5) if condensed else model
    run, _ = save(store, small)
    again, _ = store.load(run.id)
    x = a_split().inputs()
    torch.testing.assert_close(again(x), small(x), rtol=1e-6, atol=1e-6)
    assert audit.cost(again, x, seconds=0).total_bytes <= audit.cost(small, x, seconds=0).total_bytes + 4 * 36
    assert (again[0].weight is again[2].weight) == (small[0].weight is small[2].weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("method", ["none", "condense", "low_rank", "quantize"])
def test_the_type_of_the_weights_is_kept(store, dtype, method):
    model = a_model().to(dtype)
    if method == "quantize" and dtype is torch.float64:
        pytest.skip("torchao takes none")
    small = {"none": lambda m: m, "condense": compress.condense, "quantize": compress.quantize, "low_rank": compress.low_rank}[
        method
    ]
    small = small(model, **({"budget": 0.7} if method == "low_rank" else {}))
    run = store.save(small, audit=audit.audit(a_model(), a_split(), cost=False))
    again, _ = store.load(run.id)
    x = a_split().inputs().to(dtype)
    assert again(x).dtype is dtype
    assert torch.equal(again(x), small(x))


@pytest.mark.parametrize(
    ("name", "options"), [("condense", {}), ("low_rank", {}), ("quantize", {}), ("quantize", {"mode": "weight_only"})]
)
@pytest.mark.parametrize("model", ["mlp_mnist", "vit_fashion"])
def test_stated_bytes_are_those_of_the_stored_file(store, name, options, model):
    dense, rows = models.load(model), 20
    g = np.random.default_rng(0)
    images = Split(g.integers(0, 10, rows), tuple("0123456789"), images=g.integers(0, 256, (rows, 1, 28, 28), np.uint8))
    small = compress.METHODS[name](dense, **options)
    run, found = save(store, small, images, dense, cost=True)
    assert found.summary["bytes"] == pytest.approx((run.folder / "model.safetensors").stat().st_size, rel=0.02)
    again, stored = store.load(run.id)
    assert torch.equal(again(images.inputs()), small(images.inputs()))
    assert stored.summary["bytes"] == found.summary["bytes"]
    assert audit.model_sha(again) == audit.model_sha(small) == stored.model_sha


@pytest.mark.parametrize("rows", [5, ROWS])
def test_every_table_of_an_audit_comes_back(store, rows):
    # few rows leave classes without examples, intervals without an end and groups of one
    split = a_split(rows, ("a", "b", "c", "never"))
    model = nn.Sequential(nn.Linear(6, 4)).eval()
    run, found = save(store, compress.condense(model, sparsity=0.5), split, model, cost=True)
    _, again = store.load(run.id)
    for name in ("per_class", "predictions", "confusion", "reliability", "fairness", "by_group"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name), check_dtype=name != "by_group")
    pd.testing.assert_series_equal(again.summary, found.summary)
    assert again.cost.to_dict() == found.cost.to_dict()
    assert again.reference_cost.to_dict() == found.reference_cost.to_dict()
    identity = ("data_id", "model_sha", "reference_sha", "level", "notes")
    assert [getattr(again, name) for name in identity] == [getattr(found, name) for name in identity]
    assert again.to_dict() == found.to_dict()


def test_an_audit_without_extras_comes_back(store):
    run, found = save(store, a_model(), a_split(groups=False))
    _, again = store.load(run.id)
    assert again.fairness is again.by_group is again.cost is again.reference_cost is None
    assert not again.has_reference
    assert again.to_dict() == found.to_dict()


def test_compact_rounds_to_256_steps(store):
    run, found = save(store, a_model(), compact=True)
    _, again = store.load(run.id)
    before, after = (np.stack(a.predictions["probabilities"]) for a in (found, again))
    assert 0 < np.abs(before - after).max() <= 1 / 512
    assert after.dtype == np.float32


def test_one_pattern_reads_runs_of_every_kind(store):
    # many rows and few, more classes, compact or not, with a reference or without, parameters of other kinds
    model, four = a_model(), nn.Sequential(nn.Linear(6, 4)).eval()
    save(store, model, a_split(300), config={"method": "a", "parameters": {"p": 1, "q": [1, 2]}})
    save(store, model, a_split(20), compact=True, config={"method": "b", "parameters": {"p": None, "q": "x"}})
    save(store, four, a_split(70_000, tuple("abcd"), groups=False), four, config={"method": "c"}, weights=False)
    folder = store.folder
    for name, rows in (("metrics", 3), ("predictions", 70_320), ("per_class", 10)):
        files = f"{folder}/*/{name}.parquet"
        assert duckdb_rows(f"select count(*) from read_parquet('{files}', union_by_name = true)") == [(rows,)]
    theirs = polars.concat([polars.read_parquet(path) for path in folder.glob("*/predictions.parquet")], how="diagonal")
    assert len(theirs) == 70_320
    same = polars.scan_parquet(f"{folder}/*/predictions.parquet", missing_columns="insert", extra_columns="ignore").collect()
    assert len(same) == 70_320
    source = f"read_parquet('{folder}/*/predictions.parquet', union_by_name = true, filename = true)"
    average = duckdb_rows(f"select avg((label = predicted)::int) from {source} group by filename order by 1")
    assert [a for (a,) in average] == pytest.approx(sorted(store.table()["accuracy"]), abs=1e-12)


def test_figures_that_were_not_measured_are_nan(store):
    # with every example of one class, a gap between groups may have no value in any run
    split = Split(
        np.zeros(20, np.int64), ("no", "yes"), x=np.zeros((20, 6), np.float32), groups=pd.DataFrame({"sex": ["f", "m"] * 10})
    )
    model = nn.Sequential(nn.Linear(6, 2)).eval()
    save(store, compress.condense(model, sparsity=0.5), split, model, cost=True)
    table = store.table()
    assert table["eod[sex]"].isna().all() or table["eod[sex]"].dtype == float
    assert not [name for name in table if table[name].dtype == object and table[name].isna().all()]
    assert runs.recommend(store, eod=0.1, affected_classes=None).id in (None, *table.index)


def test_table_is_one_frame(store):
    assert store.table().empty
    model = a_model()
    first, found = save(store, model, config={"method": "m", "model": "net", "data": "d", "parameters": {"share": 0.5}})
    second, _ = save(store, a_model(seed=1), config={"method": "n", "layers": ["a", "b"]})
    table = store.table()
    assert list(table.index) == sorted([first.id, second.id], key=lambda i: (store.run(i).created, i))
    row = table.loc[first.id]
    assert (row["method"], row["model"], row["data"], row["param.share"], row["damaged"]) == ("m", "net", "d", 0.5, "")
    for name, value in found.summary.items():
        assert row[name] == value
    assert table.loc[second.id, "param.layers"] == ["a", "b"]


FACTS = st.sampled_from([*KINDS, "format", "files", "source"])
PLAIN = st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=3)
NESTED = st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=3), PLAIN | st.lists(PLAIN, max_size=1), max_size=2)


@given(key=FACTS, value=PLAIN | NESTED)
@settings(max_examples=120, deadline=None)
def test_no_content_of_a_run_breaks_the_table(one_run, key, value):
    store, run, text = one_run
    (run.folder / "run.json").write_text(json.dumps({**json.loads(text), key: value}))
    table = store.table()
    assert list(table.index) == [run.id]
    assert isinstance(table.loc[run.id, "damaged"], str)
    repr(store.run(run.id))


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    store = runs.Store(tmp_path_factory.mktemp("fuzz"))
    run, _ = save(store, a_model())
    return store, run, (run.folder / "run.json").read_text()


@pytest.mark.parametrize("text", ["", "null", "7", "[" * 100_000, "9" * 5000, "\ufeff{}", '{"format": 1}', '{"format": "1"}'])
def test_nonsense_in_place_of_facts(store, text):
    run, _ = save(store, a_model())
    (run.folder / "run.json").write_text(text)
    assert "run.json cannot be read" in store.table().loc[run.id, "damaged"]


def test_strangers_in_the_folder(store):
    sound, _ = save(store, a_model())
    (store.folder / "notes.txt").write_text("mine")
    (store.folder / "pictures").mkdir()
    (store.folder / "odd").mkdir()
    (store.folder / "odd" / "run.json").mkdir()
    (store.folder / "dangling").symlink_to("nowhere")
    table = store.table()
    assert set(table.index) == {sound.id, "pictures", "odd"}
    assert table.loc["pictures", "damaged"] == "run.json is missing"
    assert table.loc[sound.id, "damaged"] == ""
    assert sound.id in store
    assert "pictures" not in store


@pytest.mark.parametrize("name", ["metrics.parquet", "predictions.parquet", "per_class.parquet", "audit.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut short", "flipped bit"])
def test_every_damaged_file_is_found(store, name, damage):
    run, found = save(store, a_model())
    path = run.folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        middle = len(content) // 2
        path.write_bytes(
            content[:middle] if damage == "cut short" else content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        )
    with pytest.raises(ValueError, match=rf"run {run.id} is damaged: {name} .*; delete ") as caught:
        store.load(run.id)
    assert "\n" not in str(caught.value)
    if damage != "flipped bit" or name != "model.safetensors":  # the table does not read weights
        assert name in store.table().loc[run.id, "damaged"]
        assert pd.isna(store.table().loc[run.id].get("accuracy", np.nan))
        again = store.save(a_model(), audit=found)
        assert again.damaged == ""
        assert store.load(again.id)[0] is not None


def test_a_newer_format(store):
    run, _ = save(store, a_model())
    facts = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps({"format": 99, "id": facts["id"], "all": "different"}))
    with pytest.raises(ValueError, match="written in format 99, this labkit reads up to 1; update labkit"):
        store.load(run.id)


FULL = """
import resource, signal, sys
import numpy as np, torch
from torch import nn
from labkit import audit, runs
from labkit.data import Split
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
x = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
model = nn.Sequential(nn.Linear(6, 4000), nn.ReLU(), nn.Linear(4000, 2)).eval()
found = audit.audit(model, Split(np.arange(500) % 2, ("a", "b"), x=x), cost=False)
store = runs.Store(sys.argv[1])
for limit in (0, 500, 2500, 8000, 60_000):  # the first file, then ever later ones, at last the weights
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.save(model, audit=found)
        print("saved")
    except OSError as error:
        print("OSError:", error)
    print(len(list(store.folder.iterdir())), len(store.table()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.save(model, audit=found).damaged == "", len(store.table()))
"""


def test_a_disk_that_fills_at_any_file_leaves_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path / "runs"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines.pop() == "True 1"  # and when there is room again, it saves
    assert len(lines) == 10
    assert set(lines[1::2]) == {"0 0"}
    for line in lines[::2]:
        assert line.startswith("OSError: cannot save run")
        assert "free some space" in line


def test_a_store_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match=r"cannot write to .*; choose another folder for the store"):
            save(runs.Store(folder), a_model())
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_place_of_a_run(store):
    run, found = save(store, a_model())
    store.delete(run.id)
    (store.folder / run.id).write_text("in the way")
    with pytest.raises(OSError, match=f"cannot save run {run.id}"):
        store.save(a_model(), audit=found)
    assert [entry.name for entry in store.folder.iterdir()] == [run.id]


def test_finding_a_run(store):
    ids = [save(store, a_model(seed=seed))[0].id for seed in range(20)]
    assert store.run(ids[3]).id == ids[3]
    assert store.run(ids[3][:10]).id == ids[3]
    twice = next(a[0] for a in ids if sum(b[0] == a[0] for b in ids) > 1)  # 20 runs, 16 digits
    with pytest.raises(ValueError, match=f"'{twice}' is the beginning of .*give more characters"):
        store.load(twice)
    for name in ("", "nothing"):
        with pytest.raises(ValueError, match="unknown run in"):
            store.run(name)
    store.delete(ids[3])
    assert ids[3] not in store
    assert len(store.table()) == 19


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"seed": "0"}, "seed of a run must be of type int, got '0'"),
        ({"method": None}, "method of a run must be of type str, got None"),
        ({"model": 3}, "model of a run must be of type str, got 3"),
        ({"parameters": {"a": np.float32(1)}}, "numbers, words, lists or dicts"),
        ({"parameters": {"a": float("nan")}}, "numbers, words, lists or dicts"),
        ({"layers": lambda path, layer: True}, "numbers, words, lists or dicts"),
    ],
    ids=["seed", "method", "model", "numpy number", "nan", "function"],
)
def test_facts_of_another_kind_are_refused_before_anything_is_written(store, config, words):
    with pytest.raises(TypeError, match=words):
        save(store, a_model(), config={"method": "m", **config})
    assert not store.folder.exists()


def test_runs_without_a_method_are_told_apart_by_their_weights(store):
    ids = {save(store, a_model(seed=seed), reference=a_model(seed=9))[0].id for seed in (0, 1, 0)}
    assert len(ids) == 2


class Own(nn.Module):
    """An architecture that no file describes."""

    def __init__(self, hidden=8):
        super().__init__()
        self.body = a_model(hidden)

    def forward(self, x):
        return self.body(x)


def test_a_base_of_another_architecture_is_refused(store):
    run, _ = save(store, compress.condense(Own().eval(), sparsity=0.5, layers="body.0"))
    for base in (Own(9), nn.Sequential(nn.Linear(6, 3))):
        with pytest.raises(ValueError, match=r"another architecture|does not fit the architecture.*give base="):
            store.load(run.id, base=base)
    changed = Own()
    changed.extra = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"'extra.bias' is missing on one side"):
        store.load(run.id, base=changed)
    right = Own().train()
    before = audit.model_sha(right)
    assert not store.load(run.id, base=right)[0].training
    assert right.training
    assert audit.model_sha(right) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("metrics", "cannot be named 'metrics': the audit has one"),
        ("per_class", "cannot be named 'per_class'"),
        ("predictions", "cannot be named 'predictions'"),
        ("../../x", r"letters, digits and underscores, got '\.\./\.\./x'"),
        ("", "letters, digits and underscores, got ''"),
    ],
)
def test_tables_that_would_overwrite_are_refused(store, name, words):
    run, found = save(store, a_model())
    store.delete(run.id)
    with pytest.raises(ValueError, match=words):
        store.save(a_model(), audit=found, tables={name: pd.DataFrame({"a": [1]})})
    assert store.runs() == []
