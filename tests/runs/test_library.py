"""Several stores read as one, and the uncompressed networks beside their versions, against stores, cards and costs themselves."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint
from torch import nn

from labkit import audit, compress, data, models, runs
from labkit.cost import cost
from labkit.data import Split
from labkit.runs.labels import label, series

GALLERY = ["mlp_adult", "resnet_fashion", "vit_fashion"]


@pytest.fixture(scope="module")
def shipped():
    return runs.Library(runs.gallery())


@pytest.fixture
def stores(tmp_path):
    return runs.Store(tmp_path / "mine"), runs.Store(tmp_path / "theirs")


def a_split(columns=()):
    generator = np.random.default_rng(0)
    groups = pd.DataFrame({name: generator.choice(["p", "q"], 60) for name in columns}) if columns else None
    return Split(generator.integers(0, 3, 60), ("a", "b", "c"), x=generator.normal(size=(60, 6)).astype(np.float32), groups=groups)


def a_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()


def save(store, sparsity=0.5, model="net", *, reference=True, cost=False, columns=()):
    network, split = a_model(), a_split(columns)
    small = compress.condense(network, sparsity=sparsity)
    found = audit.audit(small, split, reference=network if reference else None, cost=cost, seconds=0)
    config = {"method": "condense", "parameters": {"sparsity": sparsity}, "model": model, "data": "rows"}
    return store.save(None, audit=found, config=config).id


def damage(store, run):
    (store.folder / run / "metrics.parquet").unlink()


def test_runs_of_all_stores_stand_in_one_table(stores):
    mine, theirs = stores
    ids = {save(mine, 0.5), save(theirs, 0.6), save(theirs, 0.7)}
    table = runs.Library(mine, theirs).table()
    assert set(table.index) == ids
    assert len(table) == 3
    for run in ids:
        store = mine if run in mine else theirs
        assert table.loc[run, "accuracy"] == store.load(run)[1].summary["accuracy"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_runs_with_one_id_the_first_store_counts(stores, order):
    run = save(stores[0], model="mine", cost=True)
    assert save(stores[1], model="theirs") == run  # names are no part of the id
    library = runs.Library(*stores[::order])
    first = "mine" if order == 1 else "theirs"
    assert list(library.table()["model"]) == [first]
    assert list(library.table(first).index) == [run]
    assert (library.audit(run).cost is not None) == (first == "mine")


def test_damaged_runs_are_left_out_and_listed(stores):
    mine, theirs = stores
    sound, cut, bare = save(mine, 0.5), save(mine, 0.6), save(theirs, 0.7)
    damage(mine, cut)
    (theirs.folder / bare / "run.json").write_text("{")
    library = runs.Library(mine, theirs)
    assert list(library.table().index) == [sound]
    assert {run.id: run.damaged.split()[0] for run in library.damaged} == {cut: "metrics.parquet", bare: "run.json"}
    with pytest.raises(ValueError, match=f"unknown run '{cut}'"):
        library.audit(cut)


def test_a_sound_copy_stands_in_for_a_damaged_run(stores):
    run = save(stores[0], model="mine")
    save(stores[1], model="theirs")
    damage(stores[0], run)
    library = runs.Library(*stores)
    assert list(library.table().index) == [run]
    assert library.table().loc[run, "model"] == "theirs"
    assert [lost.folder.parent for lost in library.damaged] == [stores[0].folder]
    assert library.audit(run).summary["accuracy"] == library.table().loc[run, "accuracy"]


def test_no_runs_at_all_are_an_empty_table(stores):
    for library in (runs.Library(stores[0]), runs.Library(*stores), runs.Library()):
        assert len(library.table()) == 0
        assert {"method", "model", "data", "label", "series"} <= set(library.table().columns)
        assert library.damaged == []
        assert len(runs.reference_rows(library.table())) == 0
        for question in (library.table, library.reference):
            with pytest.raises(ValueError, match=r"unknown network with runs 'net'; known: none; make runs with labkit sweep"):
                question("net")


def test_nothing_but_damaged_runs_are_an_empty_table(stores):
    damage(stores[0], save(stores[0]))
    library = runs.Library(*stores)
    assert len(library.table()) == 0
    assert len(library.damaged) == 1
    with pytest.raises(ValueError, match="unknown network with runs"):
        library.table("net")


def test_an_empty_store_beside_a_full_one_changes_nothing(stores, shipped):
    table = runs.Library(stores[0], runs.gallery()).table()
    pd.testing.assert_frame_equal(table, shipped.table())


def test_what_is_saved_later_is_seen_by_a_new_library(stores):
    first = save(stores[0], 0.5)
    library = runs.Library(*stores)
    second = save(stores[0], 0.6)
    assert list(library.table().index) == [first]
    assert set(runs.Library(*stores).table().index) == {first, second}


def test_a_table_of_one_network_has_only_what_its_runs_measured(shipped):
    whole = runs.gallery().table()
    for name in GALLERY:
        table = shipped.table(name)
        assert set(table.index) == set(whole.index[whole["model"] == name])
        assert set(table["model"]) == {name}
        assert ("eod[sex]" in table) == (name == "mlp_adult")
        assert not table.isna().all().any()
        for column in ("label", "series", "accuracy", "bytes", "latency_ratio"):
            assert table[column].notna().all()
        pd.testing.assert_series_equal(table["accuracy"], whole.loc[table.index, "accuracy"])


@pytest.mark.parametrize(
    ("name", "words"), [("vit_fashon", "did you mean 'vit_fashion'"), ("", "known: mlp_adult, resnet_fashion")]
)
def test_an_unknown_network_is_one_sentence(shipped, name, words):
    with pytest.raises(ValueError, match=words):
        shipped.table(name)


@pytest.mark.parametrize("question", ["audit", "per_class"])
def test_an_unknown_run_is_one_sentence(shipped, question):
    with pytest.raises(ValueError, match="unknown run 'nothing'"):
        getattr(shipped, question)("nothing")
    with pytest.raises(ValueError, match="unknown run 'nothing'"):
        shipped.group_columns(["nothing"])


@pytest.mark.parametrize("model", GALLERY)
def test_audits_are_those_of_the_store(shipped, model):
    run = shipped.table(model).index[-1]
    mine, (_, theirs) = shipped.audit(run), runs.gallery().load(run)
    assert mine.to_dict() == theirs.to_dict()
    pd.testing.assert_frame_equal(mine.predictions, theirs.predictions)
    pd.testing.assert_frame_equal(shipped.per_class(run), theirs.per_class)


@pytest.mark.parametrize("model", GALLERY)
def test_class_changes_are_those_of_the_audits(shipped, model):
    ids = list(shipped.table(model).index[:5])
    changes, affected = shipped.class_changes(ids)
    assert list(changes.index) == list(affected.index) == ids
    assert set(affected.dtypes.astype(str)) == {"bool"}
    for run in ids:
        found = runs.gallery().load(run)[1]
        table = found.per_class
        assert list(changes.columns) == list(affected.columns) == list(table.index)
        assert changes.loc[run].tolist() == table["change"].tolist()
        assert affected.loc[run].tolist() == (table["q"] < 0.05).tolist()
        assert affected.loc[run].sum() == found.summary["affected_classes"]
        assert changes.loc[run].min() == found.summary["worst_class_change"]


def test_a_class_that_a_run_does_not_have_is_not_affected(shipped):
    ids = [shipped.table(model).index[0] for model in GALLERY]
    changes, affected = shipped.class_changes(ids)
    assert changes.shape == affected.shape == (3, 2 + 10)
    assert not (affected & changes.isna()).any(axis=None)
    for run in ids:
        assert affected.loc[run].sum() == shipped.audit(run).summary["affected_classes"]


def test_runs_without_a_reference_have_no_class_changes(stores):
    alone, beside = save(stores[0], 0.5, reference=False), save(stores[0], 0.6)
    changes, affected = runs.Library(*stores).class_changes([alone, beside])
    assert list(changes.index) == list(affected.index) == [beside]
    for ids in ([], [alone]):
        assert all(len(table) == 0 for table in runs.Library(*stores).class_changes(ids))


@pytest.mark.parametrize("name", GALLERY)
def test_the_reference_is_the_network_of_the_card(shipped, name):
    row, card = shipped.reference(name).loc[name], models.cards()[name]
    assert row["accuracy"] == pytest.approx(card.test_accuracy, abs=3e-4)  # another processor may round a tie otherwise
    assert row["parameters"] == pytest.approx(card.parameters)
    assert (row["examples"], row["data"], row["label"]) == (card.test_examples, card.data, "uncompressed")
    limits = proportion_confint(round(row["accuracy"] * card.test_examples), card.test_examples, method="wilson")
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(limits)


@pytest.mark.parametrize("name", GALLERY)
def test_the_reference_costs_what_the_loaded_network_costs(shipped, name):
    network, split = models.load(name), data.load(models.cards()[name].data).test
    row, measured = shipped.reference(name).loc[name], cost(network, split.inputs(slice(0, 1)), seconds=0)
    assert row["bytes"] == pytest.approx(measured.total_bytes)
    assert row["macs"] == pytest.approx(measured.macs)
    assert row["nonzeros"] == pytest.approx(measured.nonzeros)
    assert (row[["bytes_ratio", "macs_ratio", "parameters_ratio", "nonzeros_ratio", "latency_ratio"]] == 1).all()
    assert (row["accuracy_change"], row["affected_classes"]) == (0, 0)


def test_the_reference_is_as_fast_as_itself_and_has_no_milliseconds_of_several_days(shipped):
    row = shipped.reference("mlp_adult").loc["mlp_adult"]
    assert row[["latency_ratio", "latency_ratio_low", "latency_ratio_high"]].tolist() == [1, 1, 1]
    assert "latency_ms" not in row


def test_every_network_of_a_table_has_its_reference(shipped):
    rows = runs.reference_rows(shipped.table())
    assert list(rows.index) == list(rows["model"]) == GALLERY
    for name in GALLERY:
        one = shipped.reference(name).loc[name]
        assert rows.loc[name, one.index].tolist() == one.tolist()


def test_a_reference_without_measured_cost_has_accuracy_alone(stores):
    save(stores[0])
    row = runs.Library(*stores).reference("net").loc["net"]
    split, network = a_split(), a_model()
    assert row["accuracy"] == (network(split.inputs()).argmax(1).numpy() == split.labels).mean()
    assert not {"bytes", "macs", "parameters", "latency_ms"} & set(row.index)


@pytest.mark.parametrize("measured", [0, 1])
def test_the_cost_of_the_reference_is_from_whichever_run_measured_it(stores, measured):
    for number, store in enumerate(stores):
        save(store, 0.5 + number / 10, cost=number == measured)
    row = runs.Library(*stores).reference("net").loc["net"]
    assert row["parameters"] == 6 * 8 + 8 + 8 * 3 + 3
    assert row["bytes"] == 4 * row["parameters"]
    assert row["macs"] == 6 * 8 + 8 * 3


def test_a_network_whose_runs_have_no_reference_has_no_row(stores):
    save(stores[0], reference=False)
    assert len(runs.Library(*stores).reference("net")) == 0
    save(stores[1], 0.7, model="other")
    assert list(runs.reference_rows(runs.Library(*stores).table()).index) == ["other"]


def test_sensitive_columns_are_those_of_the_audits(shipped):
    census, garments = (list(shipped.table(model).index) for model in ("mlp_adult", "vit_fashion"))
    assert shipped.group_columns(census) == ["race", "sex"]
    assert shipped.group_columns([*garments, census[0]]) == ["race", "sex"]
    assert shipped.group_columns(garments) == shipped.group_columns([]) == []


def test_sensitive_columns_may_have_any_name(stores):
    columns = ["age [years]", "x]", "eod[y"]
    run = save(stores[0], columns=columns)
    library = runs.Library(*stores)
    assert library.group_columns([run]) == sorted(columns)
    for column in columns:
        assert len(library.group_metric([run], column, "accuracy_score_group_min")) == 1


@pytest.mark.parametrize("column", ["sex", "race"])
@pytest.mark.parametrize("metric", ["equalized_odds_difference", "accuracy_score_group_min"])
def test_group_metrics_are_those_of_the_fairness_tables(shipped, column, metric):
    census, garments = (list(shipped.table(model).index) for model in ("mlp_adult", "vit_fashion"))
    found = shipped.group_metric([*census, garments[0]], column, metric)
    assert list(found.index) == census  # garments have no groups
    short = {"equalized_odds_difference": "eod", "accuracy_score_group_min": "worst_group_accuracy"}[metric]
    for run in census:
        table = runs.gallery().load(run)[1].fairness
        assert found.loc[run].tolist() == table.loc[(column, metric), ["value", "low", "high"]].tolist()
        assert found.loc[run, "value"] == runs.gallery().run(run).summary[f"{short}[{column}]"]


@pytest.mark.parametrize(("column", "metric"), [("sex", "kindness"), ("height", "equalized_odds_difference")])
def test_a_metric_that_no_run_has_is_an_empty_table(shipped, column, metric):
    found = shipped.group_metric(list(shipped.table("mlp_adult").index), column, metric)
    assert found.shape == (0, 3)
    assert list(found.columns) == ["value", "low", "high"]


@pytest.mark.parametrize(
    ("method", "parameters", "words", "family"),
    [
        ("condense", {"sparsity": 0.9, "layers": "all"}, "condense sparsity=0.9", "condense"),
        ("condense", {"sparsity": 0.9, "layers": "inner"}, "condense inner sparsity=0.9", "condense inner"),
        ("low_rank", {"budget": 0.25, "layers": "all", "unit": "bytes"}, "low_rank bytes budget=0.25", "low_rank bytes"),
        ("quantize", {"mode": "dynamic", "layers": "all"}, "quantize", "quantize"),
        ("quantize", {"mode": "weight_only", "layers": "all"}, "quantize weight_only", "quantize weight_only"),
        ("custom", {"weights": "6bc9336469b965ab"}, "custom", "custom"),
        ("theirs", {"mode": "fast", "steps": 3, "rate": 0.1}, "theirs fast steps=3 rate=0.1", "theirs fast"),
        ("theirs", {}, "theirs", "theirs"),
    ],
)
def test_a_run_in_words(method, parameters, words, family):
    assert label(method, parameters) == words
    assert series(method, parameters) == family


@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99), st.sampled_from(["all", "inner", "mlp", "fc*"]))
def test_runs_that_differ_in_a_slider_alone_share_their_series(one, other, layers):
    a, b = ({"sparsity": value, "layers": layers} for value in (one, other))
    assert series("condense", a) == series("condense", b)
    assert label("condense", a).startswith(series("condense", a))
    assert label("condense", a).split("=")[-1] == f"{one:g}"


def test_labels_tell_the_runs_of_a_network_apart(shipped):
    for name in GALLERY:
        table = shipped.table(name)
        assert table["label"].is_unique
        assert table["series"].nunique() < len(table)


def test_class_tables_are_read_again_when_their_file_changes(stores):
    store, _ = stores
    run = save(store)
    library = runs.Library(store)
    mine = library.per_class(run)
    mine["change"] = 7.0  # the reader's own copy
    pd.testing.assert_frame_equal(library.per_class(run), store.audit_of(run).per_class)
    file = store.folder / run / "per_class.parquet"
    table = pd.read_parquet(file)
    table["change"] = 0.25
    table.to_parquet(file)
    path = store.folder / run / "run.json"  # as an older version would write it again
    facts = json.loads(path.read_text())
    facts.pop("checksum")
    facts["files"][file.name] = {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    path.write_text(json.dumps(facts))
    assert library.per_class(run)["change"].tolist() == [0.25] * len(table)
