"""A reference network trained sparse and stored: exact export, figures that agree with each other, resumption."""

import pytest
import torch

from labkit import data, models, runs
from labkit.layers import FixedFanInLinear
from labkit.runs.identity import run_id
from labkit.runs.trained import checked, identity
from labkit.training import accuracy

SETTINGS_USED = {"epochs": 1, "seed": 3, "sparsity": 0.9, "update_every": 20, "progress": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = runs.Store(tmp_path_factory.mktemp("store"))
    return store, runs.train_run("mlp_mnist", "srigl", store, **SETTINGS_USED)


@pytest.mark.slow
def test_the_run_is_the_trained_network_condensed(made):
    store, run = made
    trained = models.train_sparse(models.get_recipe("mlp_mnist"), "srigl", **SETTINGS_USED)
    small, audit = store.load(run.id)
    assert isinstance(small.fc1, FixedFanInLinear)
    assert type(small.fc3) is torch.nn.Linear  # ERK leaves the last layer dense, and so it must stay
    x = torch.rand(64, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(small(x), trained.model(x), rtol=0, atol=1e-5)
    assert accuracy(small, data.load("mnist").test) == pytest.approx(audit.summary["accuracy"])


@pytest.mark.slow
def test_its_tables_tell_how_it_went(made):
    store, run = made
    layers, curve, facts = (store.table_of(run.id, name) for name in ("layers", "curve", "training"))
    last = layers[layers["step"] == 429].set_index("layer")
    small, _ = store.load(run.id)
    assert last.loc["fc1.weight", "fan_in"] == small.fc1.fan_in
    assert last.loc["fc1.weight", "nonzeros"] == 300 * small.fc1.fan_in
    links = last["nonzeros"].sum()
    assert facts["inference"].item() == 2 * links  # a link of a linear layer is one multiply-accumulate
    assert facts["dense_inference"].item() == 2 * (784 * 300 + 300 * 100 + 100 * 10)
    changes = len(set(layers["step"])) - 2
    assert changes == 16  # every 20 steps up to 321
    dense, sparse = facts["dense_inference"].item(), facts["inference"].item()
    assert facts["training"].item() == pytest.approx(429 * 3 * sparse + changes * (dense - sparse))
    assert curve["step"].iloc[-1] == 429
    assert curve["validation_accuracy"].iloc[-1] > 0.85
    assert store.table_of(run.id, "masks")["outputs"].iloc[0] == 300
    assert store.table_of(run.id, "poems") is None
    assert not run.damaged


@pytest.mark.slow
def test_condensed_storage_does_not_count_its_density_twice():
    recipe, settings = models.get_recipe("mlp_mnist"), {**SETTINGS_USED, "distribution": "uniform", "storage": "condensed"}
    found = models.train_sparse(recipe, "srigl", **settings)
    last = found.layers[found.layers["step"] == found.layers["step"].max()].set_index("layer")["nonzeros"]
    left_dense = 784 * 300 + 300 * 100 + 100 * 10 - sum({"fc1": 784 * 300, "fc2": 300 * 100, "fc3": 1000}[p] for p in found.sparse)
    assert found.flops.inference == 2 * (last.sum() + left_dense)
    assert found.flops.dense_inference == 2 * (784 * 300 + 300 * 100 + 100 * 10)


@pytest.mark.slow
def test_the_same_again_is_not_made_again(made):
    store, run = made
    before = (run.folder / "run.json").stat().st_mtime_ns
    again = runs.train_run("mlp_mnist", "srigl", store, **SETTINGS_USED)
    assert again.id == run.id
    assert (run.folder / "run.json").stat().st_mtime_ns == before
    assert not list(store.folder.glob("*.checkpoint.pt"))


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_was(made, tmp_path, monkeypatch):
    from labkit.training import Loop

    store, run = made
    whole = Loop.train_step

    def falls(loop):
        whole(loop)
        if loop.step == 250:
            raise KeyboardInterrupt

    path = tmp_path / "half.checkpoint.pt"
    monkeypatch.setattr(Loop, "train_step", falls)
    monkeypatch.setattr("labkit.training.loop.time.monotonic", iter(range(0, 10**9, 30)).__next__)  # a checkpoint every other step
    with pytest.raises(KeyboardInterrupt):
        models.train_sparse(models.get_recipe("mlp_mnist"), "srigl", path=path, **SETTINGS_USED)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True)["step"] in (247, 248, 249)
    resumed = models.train_sparse(models.get_recipe("mlp_mnist"), "srigl", path=path, **SETTINGS_USED)
    assert resumed.layers.equals(store.table_of(run.id, "layers"))
    assert resumed.masks.equals(store.table_of(run.id, "masks"))
    small, _ = store.load(run.id)
    assert torch.equal(small.fc1.to_dense().weight, resumed.model.fc1.weight)
    assert not path.exists()


@pytest.mark.slow
def test_a_dense_training_is_the_yardstick(tmp_path):
    store = runs.Store(tmp_path)
    run = runs.train_run("mlp_mnist", "dense", store, epochs=1, progress=False)
    facts = store.table_of(run.id, "training").iloc[0]
    assert facts["training"] == facts["dense_training"] == 429 * 3 * facts["inference"]
    assert store.table_of(run.id, "layers") is None


def test_mistakes_are_one_sentence(tmp_path):
    store = runs.Store(tmp_path / "store")
    with pytest.raises(ValueError, match="unknown rule 'srigel'; did you mean 'srigl'"):
        runs.train_run("mlp_mnist", "srigel", store)
    with pytest.raises(ValueError, match="unknown parameter of set 'gamma_sal'"):
        runs.train_run("mlp_mnist", "set", store, gamma_sal=0.3)
    with pytest.raises(ValueError, match="a dense training has no setting sparsity; leave it out"):
        runs.train_run("mlp_mnist", "dense", store, sparsity=0.5)
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        runs.train_run("mlp_mnist", "set", store, epochs=0)
    assert not store.runs()


SHIPPED = [run for run in runs.gallery().runs() if run.method.startswith(runs.TRAINED)]


def test_there_are_shipped_trainings():
    assert {run.method.removeprefix(runs.TRAINED) for run in SHIPPED} >= {"dense", "static", "rigl", "srigl", "gmp"}


@pytest.mark.parametrize("run", SHIPPED, ids=lambda run: run.id)
@pytest.mark.parametrize("form", ["values", "text"])
def test_shipped_trainings_keep_their_ids(run, form):
    options = dict(run.parameters)
    epochs = options.pop("epochs")
    if form == "text":  # as the command line gives them
        options = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in options.items()}
    rule, version, typed = checked(run.method.removeprefix(runs.TRAINED), options)
    config = identity(rule, version, epochs=epochs, seed=run.seed, **typed)
    assert run_id(**config, model_sha=run.model_sha, data_id=run.data_id) == run.id == run.folder.name


def test_an_alias_gives_the_same_run_as_the_name():
    assert checked("set_evolution", {"sparsity": "0.9"}) == checked("set", {"sparsity": 0.9}) == ("set", 1, {"sparsity": 0.9})
