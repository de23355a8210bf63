"""Nothing of others is touched, nothing that is not whole is shown, and what a stranger's run holds ends in one sentence."""

import dataclasses
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
from torch import nn

from labkit import audit, runs
from labkit.cli import main
from labkit.data import Split
from labkit.export import export
from labkit.runs.half_written import ENDING, half_written
from labkit.runs.run import read_run
from tests.runs.peers import duckdb_rows

NOBODY = 65_534


def a_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()


@pytest.fixture(scope="module")
def split():
    g = np.random.default_rng(0)
    groups = pd.DataFrame({"sex": g.choice(["f", "m"], 40)})
    return Split(g.integers(0, 3, 40), ("a", "b", "c"), x=g.normal(size=(40, 6)).astype(np.float32), groups=groups, favourable="a")


@pytest.fixture(scope="module")
def founds(split):
    """Audits of three networks beside one reference."""
    found = [audit.audit(a_model(seed), split, reference=a_model(9), cost=True, seconds=0) for seed in range(3)]
    return [dataclasses.replace(one, extras={"mine": pd.DataFrame({"a": [1.0]})}) for one in found]


@pytest.fixture
def store(tmp_path):
    return runs.Store(tmp_path / "runs")


def saved(store, founds, seed=0):
    config = {"method": "shrink", "parameters": {"share": seed}, "model": "net", "data": "d"}
    return store.save(a_model(seed), audit=founds[seed], config=config, tables={"curve": pd.DataFrame({"a": [1]})})


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rewrite(run, change, *, signed):
    """Change run.json; signed as labkit signs it, or without a checksum, as older versions left it."""
    facts = json.loads((run.folder / "run.json").read_text())
    change(facts)
    for name, stated in facts["files"].items():
        if isinstance(stated, dict) and (run.folder / name).is_file():
            content = (run.folder / name).read_bytes()
            stated |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    facts.pop("checksum", None)
    if signed:  # as docs/format.md says
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        facts["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    (run.folder / "run.json").write_text(json.dumps(facts))


def test_folders_of_others_stay(store, founds):
    first = saved(store, founds)
    own = [f".{first.id}-abcd_123.tmp", f".half-written/{first.id}-abcd_123"]  # as older versions named them, and this one
    others = [
        ".vscode-x.tmp",
        ".old-x.tmp",
        f".{first.id}.tmp",
        f".{first.id}-mine.tmp",
        f".{first.id.upper()}-abcd_123.tmp",
        ".tmp/notes",
        ".half-written/mine",
        f".half-written/{first.id}-abcd_1234",
    ]
    for name in own + others:
        (store.folder / name).mkdir(parents=True)
        (store.folder / name / "thesis.tex").write_text("mine")
        os.utime(store.folder / name, (time.time() - 90_000,) * 2)
    saved(store, founds, 1)
    assert [name for name in own if (store.folder / name).exists()] == []
    assert [name for name in others if not (store.folder / name / "thesis.tex").is_file()] == []


def test_a_younger_folder_of_another_process_stays(store, founds):
    run = saved(store, founds)
    young = store.folder / ".half-written" / f"{run.id}-abcd_123"
    young.mkdir(parents=True)
    saved(store, founds, 1)
    assert young.is_dir()


@pytest.mark.parametrize("place", [".half-written/{}-abcd_123", ".{}-abcd_123.tmp"])
def test_a_run_whose_exchange_was_killed_comes_back(store, founds, place):
    run = saved(store, founds)
    left = store.folder / place.format(run.id)
    left.mkdir(parents=True)
    os.rename(run.folder, left / "old")
    os.utime(left, (time.time() - 100,) * 2)
    saved(store, founds, 1)
    assert run.id in store


def of_a_newer_format(facts):
    facts["format"] = 2


def test_a_run_of_a_newer_format_is_refused_and_stays(store, founds, tmp_path):
    run = saved(store, founds)
    rewrite(run, of_a_newer_format, signed=True)
    before = contents(run.folder)
    with pytest.raises(ValueError, match=r"already, where it is not overwritten: written in format 2.*update labkit; or"):
        saved(store, founds)
    with pytest.raises(ValueError, match=r"written in format 2, this labkit reads up to 1; update labkit$"):
        store.load(run.id)
    with pytest.raises(ValueError, match="update labkit"):
        store.extend(run.id, founds[0])
    with pytest.raises(ValueError, match="update labkit"):
        runs.Store(tmp_path / "other").adopt(store.run(run.id))
    assert contents(run.folder) == before
    assert "update labkit" in store.table().loc[run.id, "damaged"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_all_files_of_a_run_have_one_mode(tmp_path, founds, split, umask):
    before = os.umask(umask)
    try:
        store = runs.Store(tmp_path / "runs")
        run = saved(store, founds)
        kept = runs.Store(tmp_path / "copy").adopt(run)
        later = dataclasses.replace(founds[0], extras={"more": pd.DataFrame({"a": [2.0]})})
        store.extend(run.id, later)
        written = export((a_model(), founds[0]), format="safetensors", folder=tmp_path / "export", data=split).folder
    finally:
        os.umask(before)
    for folder in (run.folder, kept.folder, written):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert set(modes.values()) == {0o666 & ~umask}, modes
        assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~umask


@pytest.fixture
def as_somebody_else():
    """Read as a user who owns nothing; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def private(founds):
    """A store whose runs have one file that the reader may not read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own folders are private
        os.chmod(folder, 0o777)
        store = runs.Store(Path(folder) / "runs")
        found = {name: saved(store, founds, seed) for seed, name in enumerate(("run.json", "audit.json", "model.safetensors"))}
        for name, run in found.items():
            os.chmod(run.folder / name, 0)
        yield store, found


def test_a_run_of_another_user_is_never_said_to_be_deleted(private, as_somebody_else, founds):
    store, found = private
    for name, run in found.items():
        with pytest.raises(ValueError, match=rf"{name} cannot be read \(permission denied\); ask its owner") as caught:
            store.load(run.id)
        assert "delete" not in str(caught.value)
    for seed, name in enumerate(("run.json", "audit.json")):
        with pytest.raises(ValueError, match="already, where it is not overwritten"):
            saved(store, founds, seed)
        assert "permission denied" in store.table().loc[found[name].id, "damaged"]


NAMES = ["../../x", "a/b", "/tmp/x", "..", ".", ".hidden", "a\0b", "a.b", "x" * 201, "\udcff", "", "x" * 10**6, 3]


@pytest.mark.parametrize("name", [*NAMES, "metrics", "Predictions", "audit", "run"], ids=lambda name: repr(name)[:20])
def test_no_table_is_written_elsewhere(store, founds, name):
    with pytest.raises(ValueError, match=r"a table of a run (must|cannot) be named") as caught:
        store.save(a_model(), audit=founds[0], tables={name: pd.DataFrame({"a": [1]})})
    assert len(str(caught.value)) < 500
    assert not store.folder.exists()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "a.b"], ids=lambda name: repr(name)[:20])
def test_no_table_of_a_measure_is_written_elsewhere(store, founds, name):
    with pytest.raises(ValueError, match="a table of a measure must be named"):
        store.save(a_model(), audit=dataclasses.replace(founds[0], extras={name: pd.DataFrame({"a": [1]})}))
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model": "\ud800"}, "no Unicode"),
        ({"seed": 10**30}, "whole number of 31 digits"),
        ({"parameters": {"a": 2**64}}, "20 digits"),
    ],
)
def test_facts_that_no_table_takes_are_refused(store, founds, config, words):
    with pytest.raises(ValueError, match=words):
        store.save(a_model(), audit=founds[0], config={"method": "m", **config})
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["../curve", "/etc/passwd", "a\0b"])
def test_no_table_is_read_elsewhere(store, founds, name):
    run = saved(store, founds)
    with pytest.raises(ValueError, match="a table of a run must be named"):
        store.table_of(run.id, name)
    assert f"../runs/{run.id}" not in store
    assert "" not in store


@pytest.mark.parametrize("name", ["../outside.parquet", "/etc/passwd", ".hidden", "a\0b"])
def test_a_run_that_names_files_outside_of_its_folder(store, founds, name):
    run = saved(store, founds)
    (store.folder / "outside.parquet").write_bytes(b"x")
    rewrite(run, lambda facts: facts["files"].update({name: {"bytes": 1, "sha256": ""}}), signed=True)
    assert "names a file outside of its folder" in store.run(run.id).damaged
    with pytest.raises(ValueError, match="names a file outside"):
        store.load(run.id)


PATTERNS = ["*/metrics.parquet", "*/*.parquet", "**/metrics.parquet"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_finds_a_half_written_run(store, founds, pattern):
    run = saved(store, founds)
    wanted = len(list(store.folder.glob(pattern)))
    with half_written(store.folder, run.id) as place:  # as it is while a file is being written, or after kill -9
        for path in run.folder.iterdir():
            (place / f"{path.name}{ENDING}").write_bytes(path.read_bytes()[:100])
        files = f"{store.folder}/{pattern}"
        assert len(list(store.folder.glob(pattern))) == wanted
        assert duckdb_rows(f"select count(distinct filename) from read_parquet('{files}', union_by_name=true, filename=true)") == [
            (wanted,)
        ]
        if pattern != "*/*.parquet":
            assert len(polars.read_parquet(files)) == 1


def test_a_reader_finds_whole_runs_at_every_moment(store, founds, monkeypatch):
    """Rows as Polars sees them before every flush and rename of a save, an extension and a replacement."""
    run = saved(store, founds)
    seen = []

    def watched(real):
        def call(*arguments, **options):
            seen.append(sorted(polars.read_parquet(f"{store.folder}/*/metrics.parquet", columns=["id"])["id"]))
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("fsync", "rename"):
            patch.setattr(os, name, watched(getattr(os, name)))
        other = saved(store, founds, 1)
        store.extend(other.id, founds[1])
        (other.folder / "curve.parquet").unlink()
        saved(store, founds, 1)
    assert len(seen) > 40
    assert all(ids in ([run.id], sorted([run.id, other.id])) for ids in seen)
    assert not (store.folder / ".half-written").exists()


def better(facts):
    facts["summary"]["accuracy"] = 0.9999


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (True, "run.json does not match its own checksum"),
        (False, r"run\.json says 'accuracy' is 0\.9999, and audit\.json says 0\."),
    ],
)
def test_an_edited_figure_is_noticed(store, founds, signed, words):
    run, other = saved(store, founds), saved(store, founds, 1)
    rewrite(run, lambda facts: None, signed=signed)
    assert run.id in store  # also as older versions left it
    facts = json.loads((run.folder / "run.json").read_text())
    better(facts)
    (run.folder / "run.json").write_text(json.dumps(facts))
    assert store.table()["damaged"].str.contains(words).to_dict() == {run.id: True, other.id: False}
    assert list(runs.Library(store).table().index) == [other.id]
    with pytest.raises(ValueError, match=words):
        store.load(run.id)


@pytest.mark.parametrize("key", ["parameters", "created", "model", "measures", "source", "seed"])
def test_every_fact_is_inside_the_checksum(store, founds, key):
    run = saved(store, founds)
    facts = json.loads((run.folder / "run.json").read_text())
    facts[key] = {"share": 0.5} if isinstance(facts[key], dict) else 7 if key == "seed" else "other"
    (run.folder / "run.json").write_text(json.dumps(facts))
    assert store.run(run.id).damaged == "run.json does not match its own checksum"


def test_edited_settings_of_an_older_run_are_noticed(store, founds):
    run = saved(store, founds)
    rewrite(run, lambda facts: facts.update(parameters={"share": 0.99}), signed=False)
    assert "do not give its id" in store.run(run.id).damaged


def test_a_copied_folder_is_no_second_run(store, founds):
    run, other = saved(store, founds), saved(store, founds, 1)
    shutil.copytree(run.folder, store.folder / f"{run.id}-copy")
    shutil.copytree(run.folder, store.folder / "0" / "deeper", dirs_exist_ok=True)
    os.rename(other.folder, store.folder / "mine")
    library = runs.Library(store)
    assert list(library.table().index) == [run.id]
    said = runs.left_out(library.damaged)
    assert f"{run.id}-copy: the folder is a copy of run {run.id}, which does not count again" in said
    assert f"mine: the folder holds run {other.id} under another name; rename it to {other.id}" in said
    with pytest.raises(ValueError, match="is a copy of run"):
        store.load(f"{run.id}-copy")
    assert (store.folder / f"{run.id}-copy").is_dir()


def test_a_run_in_the_place_of_another_is_not_overwritten(store, founds):
    run, other = saved(store, founds), saved(store, founds, 1)
    store.delete(other.id)
    os.rename(run.folder, other.folder)
    with pytest.raises(ValueError, match=f"not overwritten: the folder holds run {run.id} under another name"):
        saved(store, founds, 1)
    os.rename(other.folder, run.folder)
    assert store.load(run.id)[0] is not None


def test_a_stranger_is_not_deleted_as_a_run(store, founds):
    saved(store, founds)
    (store.folder / "pictures").mkdir()
    with pytest.raises(ValueError, match="no run of labkit; remove it yourself"):
        store.delete("pic")
    with pytest.raises(ValueError, match=r"run\.json is missing$"):
        store.load("pictures")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.fixture
def labkit(capsys):
    """The command line: what a command that ends well says."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        assert not ended.value.code
        return capsys.readouterr()

    return call


FILES = ["per_class.parquet", "predictions.parquet", "metrics.parquet", "audit.json", "extra.mine.parquet", "curve.parquet"]


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_leaves_one_run_out_and_names_it(store, founds, labkit, name):
    run, other, third = (saved(store, founds, seed) for seed in range(3))
    flip(run.folder / name)
    why = f"{name} does not match its checksum"
    library = runs.Library(store)
    assert set(library.table().index) == {other.id, third.id}
    assert runs.left_out(library.damaged) == f"1 run cannot be read and is left out: {run.id}: {why}"
    assert set(library.class_changes(library.table().index)[0].index) == {other.id, third.id}
    assert runs.recommend(store, accuracy_drop=None, harmed_classes=None).id in (None, other.id, third.id)
    listed, _ = labkit("runs", "list", "--store", store.folder, "--json")
    assert {row["run"]: row["damaged"] for row in json.loads(listed)} == {run.id: why, other.id: "", third.id: ""}
    listed, _ = labkit("runs", "list", "--store", store.folder)
    assert "does not match" in " ".join(listed.split())
    _, told = labkit("runs", "recommend", "--store", store.folder)
    assert f"1 run cannot be read and is left out: {run.id}: {why}" in told


def test_damage_that_happens_while_a_library_is_open_leaves_the_run_out(store, founds):
    run, other = saved(store, founds), saved(store, founds, 1)
    library = runs.Library(store)
    ids = list(library.table().index)
    flip(run.folder / "per_class.parquet")
    assert list(library.class_changes(ids)[0].index) == [other.id]
    assert list(library.table().index) == [other.id]
    assert "per_class.parquet does not match its checksum" in runs.left_out(library.damaged)
    assert set(library.fairness(ids)) == {other.id}


def huge(facts):
    facts["source"]["blueprint"]["parts"]["0"]["arguments"] = {"in_features": 10**6, "out_features": 10**6, "bias": True}


def nested(facts):
    facts["source"] = {"blueprint": [[[[]]]]}


def typed(value, *path):
    def change(facts):
        for key in path[:-1]:
            facts = facts[key]
        facts[path[-1]] = value

    return change


HOSTILE = {
    "huge layer": (huge, r"asks for at least [\d,.]+ GB|has a tensor of [\d,]+ numbers"),
    "nested description": (nested, "cannot be built again"),
    "description of a word": (typed("Linear", "source"), "cannot be built again"),
    "no description": (lambda facts: facts.pop("source"), "cannot be built again"),
    "endless figure": (typed(float("inf"), "summary", "accuracy"), "holds a figure that is no number"),
    "figure of words": (typed("0.9", "summary", "accuracy"), "summary holds more than numbers"),
    "number of 400 digits": (typed(10**400, "seed"), "whole number of 401 digits"),
    "text that is no Unicode": (typed("\ud800", "model"), r"cannot be read \(UnicodeEncodeError"),
    "files of words": (typed({"audit.json": "x"}, "files"), "does not list|cannot be read"),
    "no audit": (lambda facts: facts["files"].pop("audit.json"), r"does not list audit\.json"),
}


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_facts_end_in_one_sentence(store, founds, name, signed):
    run, other = saved(store, founds), saved(store, founds, 1)
    change, words = HOSTILE[name]
    try:
        rewrite(run, change, signed=signed)
    except UnicodeEncodeError:
        rewrite(run, change, signed=False)
    with pytest.raises(ValueError, match=words if signed else "") as caught:
        store.load(run.id)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800
    assert other.id in runs.Library(store).table().index


def a_bomb(path):
    """A column of 272 million empty cells in a file of half a megabyte."""
    group = pa.table({"class": pa.nulls(2**22)})
    with pq.ParquetWriter(path, group.schema) as writer:
        for _ in range(65):
            writer.write_table(group)


def weights_of(*shapes, dtype=torch.float32):
    def write(path):
        names = ("0.weight", "0.bias", "2.weight", "2.bias")
        safetensors.torch.save_file(
            {name: torch.zeros(shape, dtype=dtype) for name, shape in zip(names, shapes, strict=True)}, path
        )

    return write


def table_of(**columns):
    return lambda path: pd.DataFrame(columns).to_parquet(path)


def json_of(**changes):
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


RIGHT = ((8, 6), (8,), (3, 8), (3,))
CONTENT = {
    "a bomb": ("per_class.parquet", a_bomb, "it holds 272,629,760 values, and at most"),
    "classes without names": ("per_class.parquet", table_of(name=["a"]), "it has no column class"),
    "rates of words": ("per_class.parquet", table_of(**{"class": ["a"], "examples": [1], "accuracy": ["x"]}), "more than numbers"),
    "predictions beyond the classes": (
        "predictions.parquet",
        table_of(index=[0], label=[0], predicted=[99]),
        "column predicted holds more than the 3 classes",
    ),
    "no table": ("predictions.parquet", lambda path: path.write_bytes(b"PAR1" + bytes(9) + b"PAR1"), "cannot be read"),
    "no confusion": ("audit.json", json_of(confusion=[[1]]), "its confusion matrix is not of 3 classes"),
    "cost of words": ("audit.json", json_of(cost={"parameters": "x"}), "cannot be read"),
    "notes of numbers": ("audit.json", json_of(notes=[1]), "its notes are no text"),
    "brackets": ("audit.json", lambda path: path.write_text("[" * 100_000), "cannot be read"),
    "weights of other shapes": ("model.safetensors", weights_of((9, 6), (9,), (3, 9), (3,)), "does not fit the architecture"),
    "complex weights": ("model.safetensors", weights_of(*RIGHT, dtype=torch.complex64), "is torch.complex64 and not torch.float32"),
    "8-bit floats": ("model.safetensors", weights_of(*RIGHT, dtype=torch.float8_e4m3fn), "float8_e4m3fn and not"),
    "whole numbers": ("model.safetensors", weights_of(*RIGHT, dtype=torch.int64), "int64 and not"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_files_that_match_their_checksum_and_hold_something_else(store, founds, name):
    run, other = saved(store, founds), saved(store, founds, 1)
    file, write, words = CONTENT[name]
    write(run.folder / file)
    rewrite(run, lambda facts: None, signed=True)
    with pytest.raises(ValueError, match=words) as caught:
        store.load(run.id)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)
    library = runs.Library(store)
    ids = list(library.table().index)
    changes, _ = library.class_changes(ids)
    library.fairness(ids)
    assert other.id in changes.index
    if file != "model.safetensors":
        assert file in str(caught.value)
        assert run.id not in library.table().index
        assert file in runs.left_out(library.damaged)


@pytest.mark.parametrize("name", ["run.json", "audit.json", "per_class.parquet"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(store, founds, name):
    run = saved(store, founds)
    (run.folder / name).unlink()
    os.mkfifo(run.folder / name)
    assert "no file" in read_run(run.folder).damaged
    with pytest.raises(ValueError, match="is no file"):
        store.load(run.id)


def test_names_that_are_no_unicode(store, founds):
    run = saved(store, founds)
    os.mkdir(os.fsencode(store.folder) + b"/\xff\xfe")
    assert list(store.table().index) == [run.id, "\\xff\\xfe"] or set(store.table().index) == {run.id, "\\xff\\xfe"}
    repr(store.runs())
    runs.left_out(store.runs()).encode()


def test_what_cannot_be_a_table_is_named(store, founds):
    with pytest.raises(TypeError, match="table curve of a run must be a DataFrame"):
        store.save(a_model(), audit=founds[0], tables={"curve": [1]})
    with pytest.raises(ValueError, match="table curve of the run cannot be stored as Parquet"):
        store.save(a_model(), audit=founds[0], tables={"curve": pd.DataFrame({"a": [1, "x", object()]})})
    assert store.runs() == []


def test_the_runs_that_ship_are_sound():
    shipped = runs.gallery().runs()
    assert [run.refusal for run in shipped if run.damaged] == []
    assert all("checksum" not in json.loads((run.folder / "run.json").read_text()) for run in shipped)
