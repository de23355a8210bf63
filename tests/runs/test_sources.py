"""A run knows where its network and data came from, and takes no others; networks of one name stand apart; sweeps go on."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from labkit import audit, compress, data, models, runs
from labkit.compress import METHODS, Method, register
from labkit.models import own
from labkit.registry import Choice
from labkit.runs.networks import by_data, labelled


@pytest.fixture(autouse=True)
def restored():
    before, code = dict(METHODS), dict(own.OWN)
    yield
    for registry, entries in ((METHODS, before), (own.OWN, code)):
        registry.clear()
        registry.update(entries)


@pytest.fixture
def table(tmp_path):
    lines = [f"{i % 7},{(i * 5) % 3},{'yes' if i % 4 else 'no'}" for i in range(60)]
    (tmp_path / "people.csv").write_text("\n".join(["a,b,y", *lines]))
    return tmp_path / "people.csv"


@pytest.fixture
def network(tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\ndef build(classes, columns): return nn.Linear(columns, classes)\n")
    return own.register(f"{tmp_path / 'net.py'}:build")


def made(store, network, table, weights=None):
    model, dataset = models.open_model(network, data=str(table), target="y", weights=weights)
    small = compress.quantize(model)
    found = audit.audit(small, dataset.test, reference=model, seconds=0)
    config = {"method": "quantize", "parameters": {"mode": "dynamic", "layers": "all"}, "model": network, "data": dataset.name}
    return store.save(small, audit=found, config=config, sources=runs.sources_of(model, str(table), target="y"))


def weights(tmp_path, seed=1, name="w.safetensors"):
    torch.manual_seed(seed)
    columns = len(data.from_csv(tmp_path / "people.csv", target="y").train.x[0])
    save_file(nn.Linear(columns, 2).state_dict(), tmp_path / name)
    return str(tmp_path / name)


def test_a_run_is_opened_from_where_it_came(tmp_path, table, network):
    store = runs.Store(tmp_path / "runs")
    run = made(store, network, table, weights(tmp_path))
    facts = json.loads((run.folder / "run.json").read_text())["sources"]
    assert facts["model"]["weights"]["path"] == str(tmp_path / "w.safetensors")
    assert len(facts["model"]["weights"]["sha256"]) == 64
    assert facts["data"]["path"] == str(table)
    assert facts["data"]["options"] == {"target": "y"}
    again, dataset = runs.reopen(store.run(run.id), model=network)
    assert audit.model_sha(again) == run.model_sha
    assert audit.data_id(dataset.test) == run.data_id


def test_other_weights_and_other_data_are_refused_by_fingerprint(tmp_path, table, network):
    store = runs.Store(tmp_path / "runs")
    run = made(store, network, table, weights(tmp_path))
    with pytest.raises(ValueError, match="of a network of your own, whose code a stored run does not start; name it yourself"):
        runs.reopen(run)
    other = weights(tmp_path, 2, "other.safetensors")
    with pytest.raises(ValueError, match=f"made of the weights with fingerprint {run.model_sha}, and .*other.safetensors has "):
        runs.reopen(run, model=network, weights=other)
    weights(tmp_path, 2)  # the file is written again, as a training does
    with pytest.raises(ValueError, match="give the file of its weights with weights="):
        runs.reopen(run, model=network)
    weights(tmp_path, 1)
    assert audit.model_sha(runs.reopen(run, model=network)[0]) == run.model_sha
    table.write_text(table.read_text() + "\n6,1,no")
    with pytest.raises(ValueError, match=f"made on data with fingerprint {run.data_id}, and .* now; give the data"):
        runs.reopen(run, model=network)
    table.unlink()
    with pytest.raises(ValueError, match="which are no longer there; give their place with data="):
        runs.reopen(run, model=network)
    (tmp_path / "w.safetensors").unlink()
    with pytest.raises(ValueError, match="which are no longer there; give their place with weights="):
        runs.reopen(run, model=network)


def test_old_runs_of_a_shipped_network_open_by_their_names():
    run = next(run for run in runs.gallery().runs() if run.model == "mlp_adult")
    assert run.sources == {}
    network, dataset = runs.reopen(run)
    assert audit.model_sha(network) == run.model_sha
    assert dataset.name == "adult"


def test_measures_are_added_with_the_network_the_run_was_made_of(tmp_path):
    rng = np.random.default_rng(0)
    pictures = data.from_arrays(rng.integers(0, 256, (20, 3, 16, 16), dtype=np.uint8), np.arange(20) % 2, classes=["a", "b"])
    store = runs.Store(tmp_path)
    model = models.load("timm:test_resnet", num_classes=2, seed=3)
    found = audit.audit(model, pictures.test, reference=model, seconds=0)
    config = {"method": "quantize", "version": METHODS["quantize"].version, "model": "timm:test_resnet", "data": "mnist"}
    bare = store.save(None, audit=found, config=config)
    with pytest.raises(ValueError, match=r"made of the weights with fingerprint .*random weights \(seed 0\) has"):
        runs.measure_run(store, bare.id, ["ece"])


def two_networks(store):
    x = np.random.default_rng(0).normal(size=(200, 8)).astype("float32")
    ds = data.from_arrays(x, (x[:, 0] > 0).astype(int), classes=["a", "b"])
    for width in (64, 8):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))
        small = compress.condense(net, sparsity=0.6)
        found = audit.audit(small, ds.test, reference=net, seconds=0)
        store.save(small, audit=found, config={"method": "condense", "parameters": {"sparsity": 0.6}})


def test_networks_of_one_name_stand_apart(tmp_path):
    store = runs.Store(tmp_path)
    two_networks(store)
    library = runs.Library(store)
    labels = sorted(set(library.table()["model"]))
    assert labels == sorted(f"custom ({run.model_sha[:6]})" for run in store.runs())
    for name in labels:
        rows, reference = library.table(name), library.reference(name)
        assert len(rows) == 1
        assert list(reference.index) == [name]
        assert reference["bytes"].iloc[0] == pytest.approx(rows["bytes"].iloc[0] / rows["bytes_ratio"].iloc[0])
        assert runs.recommend(store, model=name, accuracy_drop=1, harmed_classes=None).id == rows.index[0]
    assert len(library.reference("custom")) == 2
    for chosen in (None, "custom"):
        with pytest.raises(ValueError, match=r"several networks \(custom \(\w{6}\), custom \(\w{6}\)\); say which"):
            runs.recommend(store, model=chosen)


def test_one_network_on_two_data_sets_has_two_references(tmp_path):
    store, net = runs.Store(tmp_path), nn.Linear(8, 2)
    for seed in (0, 1):
        x = np.random.default_rng(seed).normal(size=(60, 8)).astype("float32")
        ds = data.from_arrays(x, (x[:, 0] > 0).astype(int), classes=["a", "b"])
        small = compress.quantize(net)
        found = audit.audit(small, ds.test, reference=net, seconds=0)
        store.save(small, audit=found, config={"method": "quantize", "model": "mine", "data": "july"})
    library = runs.Library(store)
    names = sorted(set(library.table()["model"]))
    assert names == sorted(f"mine on july ({run.data_id[:6]})" for run in store.runs())
    assert sorted(library.reference("mine").index) == names
    with pytest.raises(ValueError, match=r"several data sets \(july \(\w{6}\), july \(\w{6}\)\); say which with data="):
        runs.recommend(store)


def test_names_that_are_unique_stay_as_they_are():
    shelf = runs.gallery().table()
    assert by_data(labelled(shelf)).equals(shelf)


def test_a_sweep_goes_on_after_a_failure_and_says_what_failed(tmp_path):
    def broken(model, *, kind, **options):
        raise {"KeyError": KeyError, "AssertionError": AssertionError, "ZeroDivisionError": ZeroDivisionError}[kind](
            "first\nsecond"
        )

    kinds = ("KeyError", "AssertionError", "ZeroDivisionError")
    register(
        Method(name="broken", title="Broken", paper="none", apply=broken, params={"kind": Choice(kinds, "KeyError", help="x")})
    )
    grid = {"models": ["mlp_adult"], "methods": {"broken": {"kind": list(kinds)}, "quantize": {}}}
    said = []
    with pytest.raises(runs.SweepFailed) as caught:
        runs.sweep(grid, runs.Store(tmp_path), report=lambda done, total, sentence: said.append((done, total, sentence)))
    assert [run.method for run in caught.value.made] == ["quantize"]
    assert [job.parameters["kind"] for job, _ in caught.value.failures] == list(kinds)
    assert str(caught.value).startswith("3 of 4 runs failed, the others are stored: mlp_adult: broken(kind=KeyError): KeyError: ")
    assert "\n" not in str(caught.value)
    assert [(done, total) for done, total, _ in said] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_grid_alone_starts_no_code(tmp_path):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ValueError, match="code of your own, which a grid alone does not start; name it too: --model"):
        runs.jobs({"models": [f"{tmp_path / 'evil.py'}:f"], "methods": ["quantize"], "data": "mnist"})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_networks_of_other_precisions_come_back_as_they_were(tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
    ds = data.from_arrays(x, (x[:, 0] > 0).astype(int), classes=["a", "b"])
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    found = audit.audit(net, ds.test, seconds=0)
    store = runs.Store(tmp_path)
    run = store.save(net.to(kind), audit=found, config={"method": "none", "notes": "x"})
    again, _ = store.load(run.id)
    assert audit.model_sha(again) == audit.model_sha(net)
    assert next(again.parameters()).dtype == kind
