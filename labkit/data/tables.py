"""The bundled fairness tables: targets, sensitive features and encodings."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labkit.data.checks import checked
from labkit.data.partition import partition
from labkit.data.reading import read_bytes
from labkit.data.split import Dataset, Split

BUNDLED = Path(__file__).parent / "bundled"
Codes = Callable[[pd.DataFrame], pd.Series]


def _one_hot(prefix: str, names: dict[str, str] | None = None) -> Codes:
    """Decode a group from its one-hot columns ``prefix_VALUE``, with names for coded values."""

    def decode(table: pd.DataFrame) -> pd.Series:
        columns = [column for column in table if column.startswith(prefix + "_")]
        values = table[columns].to_numpy().argmax(axis=1)
        labels = [column.removeprefix(prefix + "_") for column in columns]
        return pd.Series([(names or {}).get(labels[i], labels[i]) for i in values])

    return decode


def _binary(column: str, zero: str, one: str) -> Codes:
    """Decode a group from a 0/1 column."""
    return lambda table: table[column].map({0: zero, 1: one})


@dataclass(frozen=True)
class Table:
    """How a bundled CSV file is converted to features, labels and groups.

    Attributes
    ----------
    file : str
        Name of the file.
    target : str
        The 0/1 column to predict.
    classes : tuple of two str
        Names of class 0 and class 1.
    meaning : str
        What class 1 means.
    groups : dict
        Sensitive feature -> function that decodes it from the table.
    drop : tuple of str
        Prefixes of columns that are not inputs.
    source : str
        Origin and licence.
    """

    file: str
    target: str
    classes: tuple[str, str]
    meaning: str
    groups: dict[str, Codes]
    drop: tuple[str, ...]
    source: str


TABLES = {
    "adult": Table(
        "adult.csv.gz",
        "salary_>50K",
        ("<=50K", ">50K"),
        "1994 census income above 50,000 dollars a year",
        {"sex": _one_hot("sex"), "race": _one_hot("race")},
        ("sex_", "race_", "salary_"),
        "UCI Adult (B. Becker, R. Kohavi), CC BY 4.0",
    ),
    "compas": Table(
        "compas-recidivism.csv.gz",
        "two-year-recid",
        ("no recidivism", "recidivism"),
        "a new charge within two years of release (Broward County)",
        {"sex": _binary("sex", "Female", "Male"), "race": _binary("race", "Not Caucasian", "Caucasian")},
        # decile-score is the output of the tool under study, not an attribute of the person
        ("sex", "race", "two-year-recid", "decile-score"),
        "ProPublica COMPAS analysis",
    ),
    "german": Table(
        "german.csv.gz",
        "credit-label",
        ("good credit", "bad credit"),
        "the bank's rating of a credit as bad",
        {"sex": _binary("sex", "Female", "Male"), "age": _binary("age", "25 or younger", "Over 25")},
        # status_A11…A14 is the cheque account; sex-age is the product of both groups
        ("sex", "age", "credit-label", "sex-age"),
        "UCI Statlog German Credit (H. Hofmann), CC BY 4.0",
    ),
    "law": Table(
        "law.csv.gz",
        "PF_1",
        ("failed", "passed"),
        "passing the bar examination at the first attempt",
        {"race": _one_hot("Race"), "sex": _one_hot("Sex", {"1": "Female", "2": "Male"})},
        ("Race_", "Sex_", "PF_"),
        "LSAC National Longitudinal Bar Passage Study",
    ),
}


def bundled(name: str) -> Dataset:
    """Load a bundled table.

    Parameters
    ----------
    name : {"adult", "compas", "german", "law"}
        Data set.

    Returns
    -------
    Dataset
        Split 60 / 20 / 20 %, stratified by class, with seed 0; sensitive features are groups, not inputs.

    Raises
    ------
    ValueError
        If the file is missing or damaged.
    """
    table = TABLES[name]
    frame = _read(BUNDLED / table.file)
    features = [column for column in frame if not column.startswith(table.drop)]
    whole = Split(
        labels=frame[table.target].to_numpy(np.int64),
        classes=table.classes,
        x=frame[features].to_numpy(np.float32),
        features=tuple(features),
        groups=pd.DataFrame({name: decode(frame) for name, decode in table.groups.items()}),
    )
    target = f"{table.meaning} (class 1 = {table.classes[1]!r})"
    return partition(checked(whole, name), name=name, target=target, source=table.source)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(read_bytes(path, "a CSV file")))
    except Exception as error:  # whatever a damaged file makes of pandas
        raise ValueError(
            f"{path} is missing or damaged ({' '.join(str(error).split())[:200]}); reinstall labkit, which ships it"
        ) from error
