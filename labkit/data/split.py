"""`Split` and `Dataset`: what every loader returns and every audit reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import torch


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
        Sensitive columns, one per attribute. They are not among the features unless asked for.
    features : tuple of D str
        Column names of `x`.
    notes : tuple of str
        What a reader should know, e.g. a class without examples.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    images: np.ndarray | None = None
    x: np.ndarray | None = None
    texts: list[str] | None = None
    groups: pd.DataFrame | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def examples(self) -> np.ndarray | list[str]:
        """Whichever of `images`, `x`, `texts` this split holds."""
        for held in (self.images, self.x, self.texts):
            if held is not None:
                return held
        raise ValueError("this split holds no images, no table rows and no texts; build it with labkit.data.from_arrays")

    @property
    def multilabel(self) -> bool:
        return self.labels.ndim == 2

    def __len__(self) -> int:
        return len(self.examples)

    def inputs(self, rows: slice | np.ndarray | None = None) -> torch.Tensor:
        """Return what a model takes: float32 images [n, C, H, W] in [0, 1], or float32 rows [n, D].

        Parameters
        ----------
        rows : slice or int array, optional
            Which examples; all of them by default.

        Raises
        ------
        TypeError
            For texts, which need a tokenizer first.
        """
        import torch  # here, not above: listing data sets must not wait seconds for torch

        if self.texts is not None:
            raise TypeError("texts have no default numeric form; tokenize split.texts and pass the tensors yourself")
        chosen = np.asarray(self.examples)[rows if rows is not None else slice(None)]
        tensor = torch.from_numpy(np.ascontiguousarray(chosen))
        return tensor.float().div_(255) if self.images is not None else tensor.float()

    def subset(self, rows: slice | np.ndarray) -> Split:
        """Return a split with only the chosen examples (slice, int or bool array), labels and groups alike."""
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
        """Return the number of examples of every class, zeros included, indexed by class name."""
        label = self.labels[:, 1] if self.multilabel else self.labels
        return pd.Series(np.bincount(label, minlength=len(self.classes)), index=list(self.classes), name="examples")


@dataclass(frozen=True)
class Dataset:
    """A named data set in three parts; nothing is ever chosen on `test`.

    Attributes
    ----------
    name : str
    train, validation, test : Split
    target : str
        What a label means, in words.
    source : str
        Where the data come from and under which licence.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    target: str = "class"
    source: str = "the user's own files"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    @property
    def splits(self) -> dict[str, Split]:
        """The three parts by name, in order."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        groups = "" if self.test.groups is None else f", groups {list(self.test.groups.columns)}"
        return f"Dataset({self.name!r}: {sizes}; {len(self.classes)} classes{groups})"
