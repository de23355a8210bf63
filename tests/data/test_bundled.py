"""The bundled data agree with the published facts about them."""

import numpy as np
import pytest

from labkit import data


def test_mnist_has_the_published_counts():
    ds = data.load("mnist")
    assert list(ds.test.class_counts()) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    whole = ds.train.class_counts() + ds.validation.class_counts()
    assert list(whole) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_fashion_mnist_is_balanced_and_typed():
    ds = data.load("fashion_mnist")
    assert ds.test.images.shape == (10_000, 1, 28, 28)
    assert ds.test.images.dtype == np.uint8
    assert ds.test.labels.dtype == np.int64
    assert set(ds.test.class_counts()) == {1000}
    assert set(ds.train.class_counts() + ds.validation.class_counts()) == {6000}
    assert ds.classes[9] == "Ankle boot"
    # published mean and standard deviation of the training pixels
    assert ds.train.images.mean() / 255 == pytest.approx(0.2860, abs=1e-3)
    assert ds.train.images.std() / 255 == pytest.approx(0.3530, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "rows", "positives", "groups"),
    [
        ("adult", 45_222, 11_208, {"sex": {"Female", "Male"}}),  # UCI: 45,222 complete rows, 11,208 above 50K
        ("german", 1_000, 300, {"sex": {"Female", "Male"}, "age": {"25 or younger", "Over 25"}}),
        ("compas", 6_167, 2_809, {"race": {"Caucasian", "Not Caucasian"}}),
        ("law", 21_791, 19_360, {"sex": {"Female", "Male"}}),
    ],
)
def test_tables_have_the_published_counts(name, rows, positives, groups):
    ds = data.load(name)
    parts = list(ds.splits.values())
    assert sum(map(len, parts)) == rows
    assert sum(int(split.labels.sum()) for split in parts) == positives
    for column, values in groups.items():
        assert set(ds.test.groups[column]) == values


def test_adult_base_rates_by_sex():
    # 31.2 % of men and 11.4 % of women earn above 50K in the 45,222 complete rows
    share = data.group_counts(data.load("adult"))[">50K"]
    assert share["sex", "Male"] == pytest.approx(0.3125, abs=1e-3)
    assert share["sex", "Female"] == pytest.approx(0.1136, abs=1e-3)


def test_compas_codes_match_propublica():
    # ProPublica: men and defendants who are not Caucasian were charged again more often
    share = data.group_counts(data.load("compas"))["recidivism"]
    assert share["sex", "Male"] == pytest.approx(0.480, abs=2e-3)
    assert share["race", "Caucasian"] == pytest.approx(0.391, abs=2e-3)


@pytest.mark.parametrize("name", ["adult", "compas", "german", "law"])
def test_sensitive_features_are_not_inputs(name):
    ds = data.load(name)
    assert ds.train.x.shape[1] == len(ds.train.features)
    assert not [feature for feature in ds.train.features if feature.lower().startswith(("sex", "race", "pf_", "salary"))]
    assert "age" not in ds.train.features or name == "adult"


def test_loading_twice_gives_the_same_split():
    a, b = data.load("german"), data.load("german")
    np.testing.assert_array_equal(a.validation.x, b.validation.x)
    np.testing.assert_array_equal(a.test.labels, b.test.labels)


def test_inputs_have_the_dtype_and_range_of_model_inputs():
    split = data.load("mnist").test
    x = split.inputs(slice(0, 3))
    assert x.shape == (3, 1, 28, 28)
    np.testing.assert_allclose(x.numpy(), split.images[:3] / 255, rtol=1e-6)
