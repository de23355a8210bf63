"""Arrays as people hold them: what is clear is taken, the rest is refused in a sentence that says what to do."""

import numpy as np
import pandas as pd
import pytest
import torch

from labkit import data

N = 60
Y = np.arange(N) % 3
X = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)


def same(ds, wanted):
    for part, split in ds.splits.items():
        np.testing.assert_array_equal(split.labels, wanted.splits[part].labels)
        np.testing.assert_array_equal(split.examples, wanted.splits[part].examples)


@pytest.mark.parametrize(
    "labels",
    [
        Y[:, None],
        Y.astype(np.float64),
        Y.astype(np.float32)[:, None],
        Y.astype(np.uint8),
        Y.tolist(),
        np.eye(3, dtype=int)[Y],
        np.eye(3, dtype=bool)[Y],
        np.eye(3, dtype=np.float32)[Y],
        torch.from_numpy(Y),
        torch.eye(3)[Y],
        torch.from_numpy(Y).to(torch.bfloat16),
        pd.Series(Y, index=np.arange(N)[::-1]),
        pd.Series(Y, dtype="Int64"),
        pd.Series(Y, dtype="category"),
        np.array([int(i) if i % 2 else float(i) for i in Y], dtype=object),
        np.array([np.int8(i) for i in Y], dtype=object),
        pd.DataFrame({"y": Y}),
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', '')}",
)
def test_labels_in_any_form_are_the_same(labels):
    same(data.from_arrays(X, labels), data.from_arrays(X, Y))


def test_one_hot_labels_are_said():
    assert any("labels were one-hot" in note for note in data.from_arrays(X, np.eye(3)[Y]).test.notes)


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series, pd.Categorical, lambda v: np.array(v, dtype=object), lambda v: np.array(v, "S")]
)
def test_names_of_classes_are_labels(kind):
    names = [("dog", "ant", "cat")[i] for i in Y]
    ds = data.from_arrays(X, kind(names))
    assert ds.classes == ("ant", "cat", "dog")
    same(ds, data.from_arrays(X, np.array([2, 0, 1])[Y]))
    assert data.from_arrays(X, kind(names), classes=["dog", "cat", "ant", "eel"]).classes == ("dog", "cat", "ant", "eel")


@pytest.mark.parametrize(
    ("labels", "options", "error", "words"),
    [
        (np.linspace(0, 1, N), {}, TypeError, r"row 1: labels must be integer class indices.*a quantity, cut it"),
        (np.arange(N), {}, ValueError, "60 different numbers in 60 rows, a quantity"),
        (np.where(np.arange(N) == 4, np.nan, Y), {}, ValueError, r"row 4: the label is nan \(1 such"),
        (np.ones((N, 3), int), {}, ValueError, "mark 3 classes for one example"),
        (np.full((N, 4), 0.25), {}, ValueError, r"are probabilities of classes; .*argmax\(axis=1\)"),
        (np.array([[0, 1], [1, 0], [2, 1]]), {}, ValueError, r"shape \[3, 2\]; give one class index per example"),
        (np.zeros((N, 2, 2), int), {}, ValueError, r"shape \[60, 2, 2\]; give one class index"),
        (np.where(np.arange(N) == 4, 10**12, Y), {}, ValueError, "labels run up to 1,000,000,000,000"),
        (Y * 1j, {}, TypeError, "complex"),
        (["a"] * 30 + [None] * 30, {}, ValueError, r"row 30: the label is missing"),
        (["a", "b", "z"] * 20, {"classes": ["a", "b"]}, ValueError, "row 2: label 'z' is none of the 2 classes"),
        ([f"n{i}" for i in range(N)], {}, ValueError, "60 different texts in 60 rows"),
        (Y, {"classes": ["a", "a", "b"]}, ValueError, "class name 'a' appears 2 times"),
        (Y[:-1], {}, ValueError, "one label per example"),
    ],
)
def test_other_labels_are_refused_in_a_sentence(labels, options, error, words):
    with pytest.raises(error, match=words) as caught:
        data.from_arrays(X, labels, **options)
    assert "\n" not in str(caught.value)


def test_class_names_of_any_type_are_text():
    assert data.from_arrays(X, Y, classes=[1, 2.5, np.str_("x")]).classes == ("1", "2.5", "x")
    assert data.from_arrays(X, Y, classes=np.array([b"a", b"b", b"c"])).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    "examples",
    [
        X.tolist(),
        torch.from_numpy(X),
        torch.from_numpy(X).requires_grad_(),
        X.astype(np.float64),
        X.astype(object),
        pd.DataFrame(X, index=np.arange(N)[::-1]),
        pd.DataFrame(X.astype(object)),
        pd.DataFrame(X).convert_dtypes(),
    ],
    ids=lambda examples: type(examples).__name__,
)
def test_tables_in_any_form_are_the_same(examples):
    same(data.from_arrays(examples, Y), data.from_arrays(X, Y))


def test_sparse_matrices_and_mixed_types():
    from scipy import sparse

    same(data.from_arrays(sparse.csr_array(X), Y), data.from_arrays(X, Y))
    mixed = pd.DataFrame({"flag": Y == 1, "count": Y.astype("int8"), "pay": X[:, 0], "maybe": pd.array(Y, dtype="Int32")})
    ds = data.from_arrays(mixed, Y)
    assert ds.train.features == ("flag", "count", "pay", "maybe")
    np.testing.assert_array_equal(ds.train.x[:, 1], ds.train.labels)
    assert data.from_arrays(mixed, Y, features=list("abcd")).train.features == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("examples", "error", "words"),
    [
        (pd.DataFrame({"a": X[:, 0], "city": ["Ulm"] * N}), TypeError, "column 'city' holds 'Ulm', which is no number; encode it"),
        (pd.DataFrame({"a": [*X[1:, 0].tolist(), "x"]}), TypeError, "column 'a' holds 'x'"),
        (pd.DataFrame({"day": pd.date_range("2020", periods=N)}), TypeError, "column 'day' holds .*2020"),
        (pd.DataFrame({"c": pd.Categorical(["u", "v"] * 30)}), TypeError, "column 'c' holds 'u'"),
        (pd.DataFrame({"a": X[:, 0], "b": [None, *X[1:, 1]]}), ValueError, "row 0: feature 'b' is nan"),
        (pd.DataFrame({"b": pd.array([None, *range(1, N)], dtype="Int64")}), ValueError, "row 0: feature 'b' is nan"),
        (X[:, 0], ValueError, r"for a single feature x\[:, None\]"),
        (np.zeros((N, 32, 32, 3), np.uint8), ValueError, r"channels last; give \[N, C, H, W\]: images\.transpose\(0, 3, 1, 2\)"),
        (np.zeros((N, 32, 32, 1), np.float32), ValueError, r"transpose\(0, 3, 1, 2\)"),
        (np.zeros((N, 30, 32, 4), np.uint8), ValueError, r"transpose\(0, 3, 1, 2\)"),
        (np.full((N, 3, 8, 8), 0.5), TypeError, r"uint8 .* from 0 to 1: give \(images \* 255\)\.round\(\)\.astype\(numpy\.uint8\)"),
        (np.full((N, 8, 8), 200), TypeError, r"from 200 to 200: give images\.round\(\)\.astype"),
        (np.full((N, 8, 8), -1.5), TypeError, "scale and round them first"),
        (np.full((N, 2), "x"), TypeError, "dtype <U1"),
    ],
)
def test_other_examples_are_refused_in_a_sentence(examples, error, words):
    with pytest.raises(error, match=words) as caught:
        data.from_arrays(examples, Y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(N, 3, 3, 3), (N, 1, 28, 1), (N, 3, 32, 32), (N, 4, 9, 3)])
def test_channels_first_are_taken(shape):
    assert data.from_arrays(np.zeros(shape, np.uint8), Y).train.images.shape[1:] == shape[1:]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, lambda v: np.array(v, dtype=object)])
def test_texts_in_any_form(kind):
    ds = data.from_arrays(kind([f"text {i}" for i in range(N)]), Y)
    assert ds.train.texts[0].startswith("text ")


@pytest.mark.parametrize(
    "groups", [["f", "m"] * 30, np.arange(N) % 2, pd.Series(["f", "m"] * 30, index=range(5, 65)), {"g": [1, 2] * 30}]
)
def test_groups_in_any_form(groups):
    ds = data.from_arrays(X, Y, groups=groups)
    assert ds.test.groups.shape == (len(ds.test), 1)
