"""`Split` and `Dataset`, the data types that loaders return and audits read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labkit.data.favourable import favourable_class
from labkit.data.given_labels import refuse_twice
from labkit.data.sensitive import as_group_text

if TYPE_CHECKING:
    import torch

    from labkit.data.encoder import Encoder


@dataclass(frozen=True)
class Split:
    """One part (train, validation or test) of a data set; exactly one of `images`, `x`, `texts` is set.

    Attributes
    ----------
    images : uint8 array [N, C, H, W] or None
        Pixels, 0 to 255.
    x : float32 array [N, D] or None
        Table rows; `features` names the D columns.
    texts : list of N str, or None
    labels : int64 array [N] (or pairs [P, 2] of (row, label) for multi-label data)
    classes : tuple of str
        Class names; `labels` index into it.
    groups : DataFrame with N rows, or None
        Sensitive features, one column each. They are not inputs unless requested.
    features : tuple of D str
        Column names of `x`.
    notes : tuple of str
        Remarks for readers of an audit, e.g. a class without examples.
    favourable : str or None
        The class that people want, e.g. "approved". Rates of groups are rates of this class; where it is not set, of the last of
        two classes.

    Raises
    ------
    ValueError
        If two classes have one name, `favourable` is none of the classes, or groups have no names or one name twice.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    images: np.ndarray | None = None
    x: np.ndarray | None = None
    texts: list[str] | None = None
    groups: pd.DataFrame | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    favourable: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))  # a list would do elsewhere, but not where it is looked up
        refuse_twice(self.classes, "class", "split")
        if self.groups is not None:
            object.__setattr__(self, "groups", as_group_text(self.groups))
        if self.favourable is not None:
            object.__setattr__(self, "favourable", favourable_class(self.favourable, self.classes))

    @property
    def examples(self) -> np.ndarray | list[str]:
        """Whichever of `images`, `x` and `texts` is set.

        Raises
        ------
        ValueError
            If none of them is.
        """
        for held in (self.images, self.x, self.texts):
            if held is not None:
                return held
        raise ValueError("this split holds no images, no table rows and no texts; build it with labkit.data.from_arrays")

    @property
    def multilabel(self) -> bool:
        """Whether `labels` are pairs (row, label)."""
        return self.labels.ndim == 2

    def __len__(self) -> int:
        return len(self.examples)

    def inputs(self, rows: slice | np.ndarray | None = None) -> torch.Tensor:
        """Return examples as model inputs.

        Parameters
        ----------
        rows : slice or int array, optional
            Selected examples; all by default.

        Returns
        -------
        float32 Tensor
            Images [n, C, H, W] in [0, 1], or rows [n, D].

        Raises
        ------
        TypeError
            For texts, which must be tokenized first.
        """
        import torch  # local: torch takes seconds to import, and listing data sets does not need it

        if self.texts is not None:
            raise TypeError("texts have no default numeric form; tokenize split.texts and pass the tensors yourself")
        chosen = np.asarray(self.examples)[rows if rows is not None else slice(None)]
        tensor = torch.from_numpy(np.ascontiguousarray(chosen))
        return tensor.float().div_(255) if self.images is not None else tensor.float()

    def subset(self, rows: slice | np.ndarray) -> Split:
        """Select examples, with their labels and groups.

        Parameters
        ----------
        rows : slice, int array or bool array
            Selected examples.

        Returns
        -------
        Split
            A new split.

        Raises
        ------
        TypeError
            For multi-label data.
        """
        if self.multilabel:
            raise TypeError("subset works on single-label splits; filter the (row, label) pairs yourself")
        index = np.arange(len(self))[rows]
        return replace(
            self,
            labels=self.labels[index],
            images=None if self.images is None else self.images[index],
            x=None if self.x is None else self.x[index],
            texts=None if self.texts is None else [self.texts[i] for i in index],
            groups=None if self.groups is None else self.groups.iloc[index].reset_index(drop=True),
        )

    def class_counts(self) -> pd.Series:
        """Count the examples of every class.

        Returns
        -------
        Series
            Counts, including zeros, indexed by class name.
        """
        label = self.labels[:, 1] if self.multilabel else self.labels
        return pd.Series(np.bincount(label, minlength=len(self.classes)), index=list(self.classes), name="examples")


@dataclass(frozen=True)
class Dataset:
    """A named data set in three parts; never select anything on `test`.

    Attributes
    ----------
    name : str
        Name of the data set.
    train, validation, test : Split
        The parts.
    target : str
        What a label means.
    source : str
        Origin and licence of the data.
    encoder : Encoder or None
        How the columns of a CSV file became features; gives another file the same ones (``from_csv(…, like=dataset)``).
    """

    name: str
    train: Split
    validation: Split
    test: Split
    target: str = "class"
    source: str = "user files"
    encoder: Encoder | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.train.classes

    @property
    def favourable(self) -> str | None:
        """Name of the favourable class, or None if none is set."""
        return self.train.favourable

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of all parts, each once."""
        return tuple(dict.fromkeys(note for split in self.splits.values() for note in split.notes))

    def with_favourable(self, favourable: str | None) -> Dataset:
        """Return the same data with another favourable class.

        Parameters
        ----------
        favourable : str or None
            A class name; None for the default.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            If it is none of the classes.
        """
        name = favourable_class(favourable, self.classes, self.name)
        train, validation, test = (replace(split, favourable=name) for split in self.splits.values())
        return replace(self, train=train, validation=validation, test=test)

    @property
    def splits(self) -> dict[str, Split]:
        """The three parts by name, in order."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        groups = "" if self.test.groups is None else f", groups {list(self.test.groups.columns)}"
        favourable = "" if self.favourable is None else f", favourable {self.favourable!r}"
        return f"Dataset({self.name!r}: {sizes}; {len(self.classes)} classes{groups}{favourable})"
