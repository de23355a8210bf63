"""A whole audit against scikit-learn, fairlearn, the cards and closed forms."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn import metrics as fm
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from torch import nn

from labkit import audit, data, models
from labkit.data import Split

CLASSES = ("ant", "bee", "cat", "dog")


def random_split(rows=400, classes=CLASSES, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, len(classes), rows), classes, x=np.zeros((rows, 2), np.float32), groups=groups)


def random_logits(split, seed, skill=1.5):
    noise = np.random.default_rng(seed).standard_normal((len(split), len(split.classes)))
    return (noise + skill * np.eye(len(split.classes))[split.labels]).astype(np.float32)


@pytest.fixture
def split():
    return random_split()


def test_tables_are_those_of_sklearn(split):
    logits = random_logits(split, 1)
    a = audit.audit_logits(logits, split)
    predicted = logits.argmax(axis=1)
    assert a.summary["accuracy"] == accuracy_score(split.labels, predicted)
    assert a.confusion.to_numpy().tolist() == confusion_matrix(split.labels, predicted).tolist()
    assert a.per_class["precision"].to_numpy() == pytest.approx(precision_score(split.labels, predicted, average=None))
    assert a.per_class["recall"].to_numpy() == pytest.approx(recall_score(split.labels, predicted, average=None))
    assert a.per_class["accuracy"].equals(a.per_class["recall"])
    for row in a.per_class.itertuples():
        limits = proportion_confint(round(row.accuracy * row.examples), row.examples, method="wilson")
        assert (row.accuracy_low, row.accuracy_high) == pytest.approx(limits)
    exact = torch.from_numpy(logits).double().softmax(dim=1).numpy()
    assert np.stack(a.predictions["probabilities"]) == pytest.approx(exact, abs=1e-6)
    assert a.predictions["probabilities"][0].dtype == np.float32
    assert list(a.predictions.columns) == ["index", "label", "predicted", "probabilities"]


def test_changes_against_a_reference(split):
    logits, reference = random_logits(split, 1), random_logits(split, 2)
    logits[split.labels == 2, 3] += 4  # cats become dogs
    a = audit.audit_logits(logits, split, reference)
    before, after = reference.argmax(axis=1) == split.labels, logits.argmax(axis=1) == split.labels
    for c, row in enumerate(a.per_class.itertuples()):
        mine = split.labels == c
        counts = (np.sum(before & ~after & mine), np.sum(after & ~before & mine))
        assert (row.n01, row.n10) == counts
        assert row.p == pytest.approx(mcnemar([[0, counts[0]], [counts[1], 0]], exact=True).pvalue)
        assert row.reference_accuracy == pytest.approx(before[mine].mean())
        assert row.change == pytest.approx(after[mine].mean() - before[mine].mean())
        assert row.change_low <= row.change <= row.change_high
    assert a.per_class["q"].to_numpy() == pytest.approx(multipletests(a.per_class["p"], method="fdr_bh")[1])
    assert a.per_class.index[a.per_class["affected"]].tolist() == ["cat"]
    s = a.summary
    table = [[0, np.sum(before & ~after)], [np.sum(after & ~before), 0]]
    assert s["change_p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert s["accuracy_change"] == pytest.approx(s["accuracy"] - s["reference_accuracy"])
    assert s["accuracy_change_low"] < s["accuracy_change"] < s["accuracy_change_high"]
    assert s["agreement"] == np.mean(logits.argmax(axis=1) == reference.argmax(axis=1))
    assert s["affected_classes"] == 1
    assert s["worst_class_change"] == a.per_class.loc["cat", "change"]
    assert a.predictions["reference_predicted"].tolist() == reference.argmax(axis=1).tolist()


def test_a_model_against_itself_changes_nothing(split):
    logits = random_logits(split, 1)
    a = audit.audit_logits(logits, split, logits)
    assert a.summary[["accuracy_change", "worst_class_change", "affected_classes"]].tolist() == [0, 0, 0]
    assert a.summary[["change_p", "agreement"]].tolist() == [1, 1]


def test_the_bundled_network_on_census_rows():
    test = data.load("adult").test
    a = audit.audit(models.load("mlp_adult"), test, cost=False)
    card = models.cards()["mlp_adult"]
    assert a.summary["accuracy"] == card.test_correct / card.test_examples == card.test_accuracy
    predicted = a.predictions["predicted"]
    for column in ("sex", "race"):
        sensitive = {"sensitive_features": test.groups[column]}
        dpd = fm.demographic_parity_difference(test.labels, predicted, **sensitive)
        eod = fm.equalized_odds_difference(test.labels, predicted, **sensitive)
        lowest = fm.accuracy_score_group_min(test.labels, predicted, **sensitive)
        assert a.summary[f"dpd[{column}]"] == pytest.approx(dpd)
        assert a.summary[f"eod[{column}]"] == pytest.approx(eod)
        assert a.summary[f"worst_group_accuracy[{column}]"] == pytest.approx(lowest)
        assert a.fairness.loc[(column, "demographic_parity_difference"), "value"] == pytest.approx(dpd)
    assert a.by_group.loc["sex", "n"].sum() == len(test)


def test_more_than_two_classes_are_compared_by_accuracy():
    split = random_split(groups=pd.DataFrame({"site": np.resize(["north", "south", "east"], 400)}))
    a = audit.audit_logits(random_logits(split, 1), split)
    predicted = a.predictions["predicted"]
    for metric in ("accuracy_score_difference", "accuracy_score_group_min"):
        expected = getattr(fm, metric)(split.labels, predicted, sensitive_features=split.groups["site"])
        assert a.fairness.loc[("site", metric), "value"] == pytest.approx(expected)
    assert len(a.fairness) == 2
    assert a.summary["worst_group_accuracy[site]"] == a.fairness.loc[("site", "accuracy_score_group_min"), "value"]
    assert not any(name.startswith(("dpd", "eod")) for name in a.summary.index)


def test_a_class_without_examples_stays_in_the_tables(split):
    wider = replace(split, classes=(*CLASSES, "eel"))
    a = audit.audit_logits(random_logits(wider, 1), wider, random_logits(wider, 2))
    empty = a.per_class.loc["eel"]
    assert empty["examples"] == 0
    assert empty[["accuracy", "accuracy_low", "accuracy_high", "recall", "change", "change_low", "p", "q"]].isna().all()
    assert not empty["affected"]
    there = a.per_class.drop(index="eel")
    assert there["q"].to_numpy() == pytest.approx(multipletests(there["p"], method="fdr_bh")[1])
    assert any("'eel' has no example" in note for note in a.notes)


def test_one_class_alone_is_audited_with_a_note():
    only = replace(random_split(20), labels=np.full(20, 1))
    a = audit.audit_logits(random_logits(only, 0, skill=9), only)
    assert a.summary["accuracy"] == 1
    assert any("every example is of class 'bee'" in note for note in a.notes)


def test_json_is_strict_and_complete(split):
    wider = replace(split, classes=(*CLASSES, "eel"), groups=pd.DataFrame({"site": ["n", "s"] * 200}))
    a = audit.audit_logits(random_logits(wider, 1), wider, random_logits(wider, 2))

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    back = json.loads(a.to_json(), parse_constant=refuse)
    assert back["per_class"][-1]["class"] == "eel"
    assert back["per_class"][-1]["p"] is None
    assert back["summary"]["accuracy"] == a.summary["accuracy"]
    assert back["confusion"] == a.confusion.to_numpy().tolist()
    assert {"group column", "metric", "value", "low", "high"} == set(back["fairness"][0])
    assert back["data_id"] == audit.data_id(wider)


def test_a_notebook_shows_names_as_text(split):
    hostile = replace(split, classes=("<script>x</script>", "b&b", "c", "d"), notes=("<b>note</b>",))
    page = audit.audit_logits(random_logits(hostile, 1), hostile)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>note" not in page


def test_many_classes_show_those_that_lost_most():
    split = random_split(3000, tuple(f"class-{i:02d}" for i in range(60)))
    a = audit.audit_logits(random_logits(split, 1, 3), split, random_logits(split, 2, 3))
    page, order = a._repr_html_(), a.per_class["change"].sort_values().index
    assert order[0] in page
    assert order[-1] not in page


def test_predictions_survive_parquet(split, tmp_path):
    a = audit.audit_logits(random_logits(split, 1), split)
    a.predictions.to_parquet(tmp_path / "p.parquet")
    back = pd.read_parquet(tmp_path / "p.parquet")
    assert np.array_equal(np.stack(back["probabilities"]), np.stack(a.predictions["probabilities"]))


class Counting(nn.Module):
    """A linear classifier that counts how often it is called, with half of its weights zero."""

    def __init__(self, width=2, classes=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.Linear(width, classes))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.body(x)


def test_models_run_once_and_logits_handed_in_not_at_all(split):
    model, reference = Counting(), Counting()
    a = audit.audit(model, split, reference=reference, cost=False, batch_size=100)
    assert (model.calls, reference.calls) == (4, 4)
    again = audit.audit(
        model, split, reference=reference, logits=random_logits(split, 1), reference_logits=random_logits(split, 2), cost=False
    )
    assert (model.calls, reference.calls) == (4, 4)
    assert again.summary["accuracy"] == audit.audit_logits(random_logits(split, 1), split).summary["accuracy"]
    assert a.model_sha == again.model_sha == audit.model_sha(model)
    assert a.reference_sha == audit.model_sha(reference) != a.model_sha
    assert a.cost is None
    assert "bytes" not in a.summary


def test_cost_beside_the_reference(split):
    model, reference = Counting(8), Counting(16)
    a = audit.audit(model, split, reference=reference, seconds=0.02)
    small, large = 2 * 8 + 8 + 8 * 4 + 4, 2 * 16 + 16 + 16 * 4 + 4
    assert a.summary["parameters"] == small
    assert a.summary["bytes"] == 4 * small
    assert a.summary["macs"] == 2 * 8 + 8 * 4
    assert a.summary["bytes_ratio"] == pytest.approx(small / large)
    assert a.summary["macs_ratio"] == pytest.approx(0.5)
    assert a.summary["latency_ratio"] == pytest.approx(1 / a.cost.latency.ratio)
    assert a.summary["latency_ms"] == a.cost.latency.median > 0
    assert a.reference_cost.parameters == large
    assert "latency_ms" not in audit.audit(model, split, seconds=0).summary


def test_a_larger_level_widens_every_interval(split):
    narrow, wide = (audit.audit_logits(random_logits(split, 1), split, random_logits(split, 2), level) for level in (0.8, 0.99))
    for low, high in (("accuracy_low", "accuracy_high"), ("accuracy_change_low", "accuracy_change_high")):
        assert wide.summary[low] < narrow.summary[low] < narrow.summary[high] < wide.summary[high]
    assert (wide.per_class["change_low"] < narrow.per_class["change_low"]).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s, x: audit.audit_logits(x[:-1], s), ValueError, r"shape \[399, 4\]; this split needs \[400, 4\]"),
        (lambda s, x: audit.audit_logits(x[:, 0], s), ValueError, r"shape \[400\]"),
        (lambda s, x: audit.audit_logits(x[:, :3], s), ValueError, "the model has 3 classes, the split has 4"),
        (lambda s, x: audit.audit_logits(x, s, x[:, :3]), ValueError, "the reference has 3 classes"),
        (lambda s, x: audit.audit_logits(np.where(x > 3, np.nan, x), s), ValueError, "NaN or infinite in"),
        (lambda s, x: audit.audit_logits(x, s, np.where(x > 3, np.inf, x)), ValueError, "logits of the reference are NaN"),
        (lambda s, x: audit.audit_logits(x.astype(str), s), TypeError, "must be numbers"),
        (lambda s, x: audit.audit_logits(x[:0], s.subset(slice(0, 0))), ValueError, "empty"),
        (lambda s, x: audit.audit_logits(x, s, level=1), ValueError, "between 0 and 1"),
        (lambda s, x: audit.audit_logits(x, replace(s, labels=s.labels + 1)), ValueError, "4 classes"),
        (
            lambda s, x: audit.audit_logits(x, replace(s, labels=np.array([[0, 1]]))),
            ValueError,
            "no registered measure judges predictions of the task multilabel",
        ),
        (lambda s, x: audit.audit(nn.Linear(3, 4), s), ValueError, r"does not take this split's examples \(float32 \[1, 2\]\)"),
        (lambda s, x: audit.audit(nn.Linear(2, 4), s, reference=nn.Linear(2, 5)), ValueError, "the reference has 5 classes"),
    ],
)
def test_bad_input_is_one_sentence(split, call, error, words):
    with pytest.raises(error, match=words):
        call(split, random_logits(split, 1))


def calls_of(function):
    """Number of calls, of Python and of C functions, that `function` makes."""
    events = Counter()
    sys.setprofile(lambda frame, event, argument: events.update([event]))
    try:
        function()
    finally:
        sys.setprofile(None)
    return events["call"] + events["c_call"]


def test_the_number_of_calls_does_not_grow_with_the_examples():
    """What makes an audit quick enough for a slider: no loop over examples runs in Python."""
    counted = []
    for size in (1_000, 10_000):
        split = random_split(size, tuple("abcdefghij"))
        logits, reference = random_logits(split, 1), random_logits(split, 2)
        audit.audit_logits(logits, split, reference)  # what is imported or cached at first use
        counted.append(calls_of(lambda s=split, x=logits, r=reference: audit.audit_logits(x, s, r)))
    assert counted[1] < 1.1 * counted[0]


def test_names_are_functions_and_heavy_libraries_wait():
    code = (
        "import sys; from labkit import audit; import labkit.cost;"
        "print(*(callable(getattr(audit, n)) for n in ('audit', 'audit_logits', 'class_bias', 'fairness', 'cost')));"
        "print(*(m for m in ('fairlearn', 'statsmodels', 'sklearn') if m in sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0] == "True True True True True"
    assert shown[1:] == [""]
