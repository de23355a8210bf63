"""The favourable class: settable at every door, always said, and part of the fingerprint only when it is set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn import metrics as fm
from torch import nn

from labkit import audit, data

NAMES = ("approved", "denied")


@pytest.fixture(scope="module")
def loans():
    """Scores, groups and decisions; "denied", the last of the alphabet, is not what people want."""
    rng = np.random.default_rng(1)
    group = rng.integers(0, 2, 600)
    score = rng.normal(size=600) + 0.5 * group
    return score.astype(np.float32), np.array(["f", "m"])[group], (score + rng.normal(size=600) < 0.4).astype(int)


@pytest.fixture(scope="module")
def network():
    net = nn.Linear(1, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        net.bias.copy_(torch.tensor([-0.4, 0.4]))
    return net


def opened(loans, tmp_path, door, favourable):
    score, sex, label = loans
    if door == "arrays":
        return data.from_arrays(score[:, None], label, classes=NAMES, groups=pd.DataFrame({"sex": sex}), favourable=favourable)
    path = tmp_path / "loans.csv"
    pd.DataFrame({"score": score, "sex": sex, "decision": np.array(NAMES)[label]}).to_csv(path, index=False)
    open_ = data.from_csv if door == "csv" else data.open_dataset
    return open_(str(path), target="decision", groups=["sex"], favourable=favourable)


@pytest.mark.parametrize("door", ["arrays", "csv", "open_dataset"])
def test_rates_are_those_of_the_favourable_class(loans, network, tmp_path, door):
    ds = opened(loans, tmp_path, door, "approved")
    assert ds.favourable == ds.test.favourable == "approved"
    assert "favourable 'approved'" in repr(ds)
    found = audit.audit(network, ds.test, cost=False)
    good, guess = ds.test.labels == 0, found.predictions["predicted"] == 0
    for metric in ("equal_opportunity_difference", "false_positive_rate_difference", "demographic_parity_ratio"):
        expected = getattr(fm, metric)(good, guess, sensitive_features=ds.test.groups["sex"])
        assert found.fairness.loc[("sex", metric), "value"] == pytest.approx(expected)
    assert "favourable class: approved (set)" in found.notes


def test_the_default_is_the_last_class_and_said(loans, network, tmp_path):
    found = audit.audit(network, opened(loans, tmp_path, "csv", None).test, cost=False)
    assert "favourable class: denied, the last of the classes; set favourable= to another" in found.notes


def test_an_audit_may_set_it(loans, network, tmp_path):
    split = opened(loans, tmp_path, "arrays", None).test
    found = audit.audit(network, split, favourable="approved", cost=False)
    set_before = audit.audit(network, replace(split, favourable="approved"), cost=False)
    pd.testing.assert_frame_equal(found.fairness, set_before.fairness)
    assert found.data_id == set_before.data_id


def test_fingerprints_differ_only_where_it_is_set(loans, tmp_path):
    split = opened(loans, tmp_path, "arrays", None).test
    ids = [audit.data_id(replace(split, favourable=name)) for name in (None, *NAMES)]
    assert len(set(ids)) == 3
    assert audit.data_id(data.load("german").test) == "28fdb61a112e2d14"  # as before there was a favourable class to set


@pytest.mark.parametrize("door", ["arrays", "csv", "open_dataset"])
def test_an_unknown_name_is_refused(loans, tmp_path, door):
    with pytest.raises(ValueError, match=r"unknown favourable class.*'aproved'; did you mean 'approved'"):
        opened(loans, tmp_path, door, "aproved")


def test_bundled_tables_take_it_too(network):
    german = data.load("german", favourable="good credit")
    assert {split.favourable for split in german.splits.values()} == {"good credit"}
    assert data.load("german").favourable is None
    with pytest.raises(ValueError, match="unknown favourable class of german 'rich'"):
        data.open_dataset("german", favourable="rich")


def test_one_of_many_classes_against_the_rest():
    rng = np.random.default_rng(0)
    x, y, sex = rng.normal(size=(300, 3)).astype(np.float32), rng.integers(0, 3, 300), rng.choice(["f", "m"], 300)
    split = data.Split(y, ("a", "b", "c"), x=x, groups=pd.DataFrame({"sex": sex}), favourable="b")
    found = audit.audit(nn.Linear(3, 3), split, cost=False)
    guess = found.predictions["predicted"] == 1
    assert found.summary["dpd[sex]"] == pytest.approx(fm.demographic_parity_difference(y == 1, guess, sensitive_features=sex))
    plain = audit.audit(nn.Linear(3, 3), replace(split, favourable=None), cost=False)
    assert any("none of the 3 classes is set as favourable" in note for note in plain.notes)


def test_numbers_name_classes_by_value():
    x, y = np.zeros((20, 1), np.float32), np.arange(20) % 2
    assert data.from_arrays(x, y, favourable=0).favourable == "0"
    assert data.from_arrays(x, y, favourable=1.0).favourable == "1"


def test_two_names_of_one_option():
    y, p, g = [0, 1, 0, 1], [0, 1, 1, 1], ["a", "a", "b", "b"]
    table = audit.fairness(y, p, g, favourable=0).table
    pd.testing.assert_frame_equal(table, audit.fairness(y, p, g, pos_label=0).table)
    assert "favourable label: 0 (set)" in audit.fairness(y, p, g, favourable=0).notes
    assert "favourable label: 1; set favourable= to another" in audit.fairness(y, p, g).notes
    with pytest.raises(ValueError, match="two names of one option"):
        audit.fairness(y, p, g, favourable=0, pos_label=1)
