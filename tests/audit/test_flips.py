"""Flipped examples and moved decisions against loops over the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from labkit import audit, runs
from labkit.data import Split

CLASSES = ("ant", "bee", "cat", "dog")


def an_audit(labels, before, after, margins=None, classes=CLASSES):
    """An audit of given decisions; `margins` say how sure the audited model is of its own."""
    split = Split(np.array(labels), classes, x=np.zeros((len(labels), 1), np.float32))
    margins = np.ones(len(labels)) if margins is None else np.array(margins)
    logits = (np.eye(len(classes))[after] * margins[:, None]).astype(np.float32)
    reference = None if before is None else np.eye(len(classes), dtype=np.float32)[before]
    return audit.audit_logits(logits, split, reference)


@st.composite
def decisions(draw):
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(2, 4))
    one = st.integers(0, classes - 1)
    columns = [draw(st.lists(one, min_size=rows, max_size=rows)) for _ in range(3)]
    margins = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=rows, max_size=rows))
    return *columns, margins, CLASSES[:classes]


def kind_of(label, before, after):
    return "lost" if before == label else "gained" if after == label else "still wrong"


@given(drawn=decisions())
def test_flips_are_the_rows_that_are_decided_otherwise(drawn):
    labels, before, after, margins, classes = drawn
    wanted = {
        row: (classes[label], classes[b], classes[a], kind_of(label, b, a))
        for row, (label, b, a) in enumerate(zip(labels, before, after, strict=True))
        if b != a
    }
    found = audit.flips(an_audit(*drawn))
    assert {row.index: (row.label, row.before, row.after, row.kind) for row in found.itertuples(index=False)} == wanted
    assert len(found) == len(wanted)
    for row in found.itertuples(index=False):  # softmax of one logit m beside C - 1 zeros
        margin = np.exp(margins[row.index])
        assert row.confidence == pytest.approx(margin / (margin + len(classes) - 1), rel=1e-5)


@given(drawn=decisions())
def test_the_most_confident_come_first_and_ties_stay_in_order(drawn):
    margins, found = drawn[3], audit.flips(an_audit(*drawn))
    sure = dict(zip(found["index"], found["confidence"], strict=True))
    assert list(sure) == sorted(sure, key=lambda row: (-sure[row], row))
    assert [margins[row] for row in sure] == sorted((margins[row] for row in sure), reverse=True)
    assert list(found.index) == list(range(len(found)))


@given(drawn=decisions(), kind=st.sampled_from(["lost", "gained"]))
def test_a_kind_is_its_part_of_all(drawn, kind):
    found = an_audit(*drawn)
    everything = audit.flips(found)
    part = everything[everything["kind"] == kind].reset_index(drop=True)
    pd.testing.assert_frame_equal(audit.flips(found, kind), part)


@given(drawn=decisions())
def test_lost_and_gained_add_up_to_the_change_of_accuracy(drawn):
    found = an_audit(*drawn)
    change = len(audit.flips(found, "gained")) - len(audit.flips(found, "lost"))
    assert change / len(drawn[0]) == pytest.approx(found.summary["accuracy_change"])
    assert 1 - len(audit.flips(found)) / len(drawn[0]) == pytest.approx(found.summary["agreement"])


@given(drawn=decisions())
def test_the_confusion_change_is_the_difference_of_two_confusion_matrices(drawn):
    labels, before, after, _, classes = drawn
    every = range(len(classes))
    wanted = confusion_matrix(labels, after, labels=every) - confusion_matrix(labels, before, labels=every)
    change = audit.confusion_change(an_audit(*drawn))
    assert change.to_numpy().tolist() == wanted.tolist()
    assert list(change.index) == list(change.columns) == list(classes)
    assert (change.sum(axis=1) == 0).all()
    assert np.trace(change) == len(audit.flips(an_audit(*drawn), "gained")) - len(audit.flips(an_audit(*drawn), "lost"))


def test_five_rows_by_hand():
    #                ant: stays  ant -> bee  bee <- cat  cat: bee -> dog  dog -> cat, surer
    found = an_audit([0, 0, 1, 2, 3], [0, 0, 2, 1, 3], [0, 1, 1, 3, 2], [1, 1, 3, 2, 4])
    table = audit.flips(found)
    assert table[["index", "label", "before", "after", "kind"]].to_numpy().tolist() == [
        [4, "dog", "dog", "cat", "lost"],
        [2, "bee", "cat", "bee", "gained"],
        [3, "cat", "bee", "dog", "still wrong"],
        [1, "ant", "ant", "bee", "lost"],
    ]
    assert audit.confusion_change(found).to_numpy().tolist() == [[-1, 1, 0, 0], [0, 1, -1, 0], [0, -1, 0, 1], [0, 0, 1, -1]]


@pytest.mark.parametrize("kind", ["all", "lost", "gained"])
def test_no_flips_are_an_empty_table_of_the_same_columns(kind):
    none, some = an_audit([0, 1, 2], [0, 1, 1], [0, 1, 1]), an_audit([0, 1, 2], [0, 1, 1], [1, 1, 2])
    assert len(audit.flips(none, kind)) == 0
    assert list(audit.flips(none, kind).columns) == list(audit.flips(some, kind).columns)
    assert (audit.confusion_change(none).to_numpy() == 0).all()


def test_without_a_reference_there_is_nothing_to_compare():
    alone = an_audit([0, 1], None, [0, 0])
    for question in (audit.flips, audit.confusion_change):
        with pytest.raises(ValueError, match="no reference to compare with; audit with reference="):
            question(alone)


@pytest.mark.parametrize("kind", ["still wrong", "Lost", "", None])
def test_another_kind_is_one_sentence(kind):
    with pytest.raises(ValueError, match="kind must be 'lost', 'gained' or 'all', got"):
        audit.flips(an_audit([0, 1], [0, 1], [0, 0]), kind)


@pytest.mark.parametrize("model", ["vit_fashion", "mlp_adult"])
def test_a_stored_audit_has_the_same_flips(model):
    library = runs.Library(runs.gallery())
    found = library.audit(library.table(model).index[0])
    table, kinds = found.predictions, audit.flips(found)["kind"].value_counts()
    right, was_right = table["predicted"] == table["label"], table["reference_predicted"] == table["label"]
    assert kinds["lost"] == (was_right & ~right).sum() == found.per_class["n01"].sum()
    assert kinds["gained"] == (right & ~was_right).sum() == found.per_class["n10"].sum()
    assert kinds.sum() == (table["predicted"] != table["reference_predicted"]).sum()
