"""Opening data sets by name, folder of images or CSV file, and the errors for anything else."""

import numpy as np
import pandas as pd
import pytest

from labkit import data


@pytest.fixture
def people(tmp_path):
    rows = [f"{20 + i},{i % 5},{'fm'[i % 2]},{'north' if i % 3 else 'south'},{'yes' if i % 4 else 'no'}" for i in range(60)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["age,score,sex,region,died", *rows]))
    return path


def test_a_csv_file_opens_with_its_target_and_groups(people):
    found = data.open_dataset(str(people), target="died", groups=["sex", "region"])
    assert found.classes == ("no", "yes")
    assert found.train.features == ("age", "score")  # sensitive features are not inputs
    table = pd.read_csv(people)
    whole = pd.concat([split.groups.assign(age=split.x[:, 0], died=split.labels) for split in found.splits.values()])
    whole = whole.sort_values("age").reset_index(drop=True)
    assert list(whole.columns[:2]) == ["sex", "region"]
    for column in ("sex", "region", "age"):
        assert whole[column].tolist() == table[column].tolist()
    assert [found.classes[label] for label in whole["died"]] == table["died"].tolist()


def test_a_csv_file_without_groups_has_none(people):
    found = data.open_dataset(str(people), target="died")
    assert found.test.groups is None
    assert {"sex_f", "sex_m", "region_north"} <= set(found.train.features)


def test_options_are_passed_to_from_csv(people):
    found = data.open_dataset(str(people), target="died", groups=("sex",), drop=["region", "age"], groups_as_features=True)
    assert found.train.features == ("score", "sex_f", "sex_m")
    assert list(found.test.groups.columns) == ["sex"]


def test_groups_without_a_target_raise(people):
    for name in (str(people), "adult", "nothing"):
        with pytest.raises(ValueError, match="groups are columns of a CSV file; give its target too"):
            data.open_dataset(name, groups=["sex"])


def test_a_name_of_the_catalogue_equals_load():
    found, wanted = data.open_dataset("adult"), data.load("adult")
    np.testing.assert_array_equal(found.test.x, wanted.test.x)
    assert found.test.groups.equals(wanted.test.groups)
    assert sum(map(len, found.splits.values())) == 45_222  # complete rows of both files of the UCI repository


def test_a_folder_of_images_opens_and_may_be_resized(image_folder):
    found = data.open_dataset(str(image_folder))
    assert found.classes == ("cat", "dog")
    assert [split.images.shape[1:] for split in found.splits.values()] == [(1, 8, 8)] * 3
    np.testing.assert_array_equal(found.test.images[:, 0, 0, 0] // 100, found.test.labels)
    assert data.open_dataset(str(image_folder), size=5).test.images.shape == (4, 1, 5, 5)


def test_a_size_without_a_folder_raises(people):
    for name, options in (("mnist", {}), ("adult", {}), (str(people), {"target": "died"})):
        with pytest.raises(ValueError, match=r"size applies only to a folder of images; open .* without it"):
            data.open_dataset(name, size=8, **options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("fashion-mnist", {}, "did you mean 'fashion_mnist'"),
        ("people.csv", {}, "needs a target column"),
        ("people.csv", {"target": "died"}, r"people\.csv does not exist"),
        ("adult", {"target": "income"}, "adult does not exist; give the path of a CSV file"),
        ("", {}, "no data set given; give"),
        (" ", {"target": "died"}, "no data set given; give"),
    ],
)
def test_invalid_arguments_raise_with_one_sentence(name, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        data.open_dataset(name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"), [({"target": "dead"}, "did you mean 'died'"), ({"groups": ["sx"]}, "did you mean 'sex'")]
)
def test_unknown_columns_suggest_similar_ones(people, given, words):
    with pytest.raises(ValueError, match=words):
        data.open_dataset(str(people), **{"target": "died", **given})
