"""Batches as a pure function of (seed, step), so that resuming needs only the step number."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from labkit.seeds import checked_seed

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Batches:
    """Shuffled batches of one split; every epoch has its own order, every step its own augmentation.

    Parameters
    ----------
    inputs : Tensor [N, ...]
        uint8 images (scaled to [0, 1] batch by batch) or float32 rows.
    labels : int64 Tensor [N]
        Class indices.
    batch_size : int
        The last, smaller batch of an epoch is dropped, unless it is the only one.
    seed : int
        Determines order and augmentation.
    augment : callable (x, generator) -> x, optional
        Applied to float images [B, C, H, W] in [0, 1].
    plain_from : int, optional
        First step without augmentation.

    Raises
    ------
    ValueError
        If there are no examples, labels do not match, or the batch size is not positive.
    """

    def __init__(
        self,
        inputs: Tensor,
        labels: Tensor,
        batch_size: int,
        *,
        seed: int = 0,
        augment: Augment | None = None,
        plain_from: int | None = None,
    ) -> None:
        if len(inputs) == 0 or len(inputs) != len(labels):
            raise ValueError(f"need as many inputs as labels and at least one, got {len(inputs)} and {len(labels)}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.inputs, self.labels = inputs, labels
        self.batch_size = min(batch_size, len(inputs))
        self.seed, self.augment, self.plain_from = checked_seed(seed), augment, plain_from
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    @property
    def per_epoch(self) -> int:
        """Steps per epoch."""
        return len(self.inputs) // self.batch_size

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of a step, counted from 0 over all epochs: inputs float32 [B, ...] and labels [B]."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, torch.randperm(len(self.inputs), generator=self._generator(0, epoch))
        rows = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        x = self.inputs[rows]
        x = x.float().div_(255) if x.dtype == torch.uint8 else x
        if self.augment is not None and (self.plain_from is None or step < self.plain_from):
            x = self.augment(x, self._generator(1, step))
        return x, self.labels[rows]

    def _generator(self, stream: int, number: int) -> torch.Generator:
        """An independent generator for each (seed, stream, number), so that no draw depends on earlier ones."""
        mixed = (self.seed * 1_000_003 + stream) * 2_147_483_659 + number
        return torch.Generator().manual_seed(mixed % 2**63)


def flip_and_shift(pixels: int) -> Augment:
    """Make an augmentation with random horizontal flips and shifts.

    Parameters
    ----------
    pixels : int
        Maximum shift in either direction; borders are filled with zeros.

    Returns
    -------
    callable (x, generator) -> x
        For images [B, C, H, W]; flips with probability 1/2.
    """

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        n, _, height, width = x.shape
        mirrored = torch.rand(n, generator=generator) < 0.5
        x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
        padded = torch.nn.functional.pad(x, (pixels,) * 4)
        down, right = torch.randint(0, 2 * pixels + 1, (2, n), generator=generator)
        rows = down[:, None] + torch.arange(height)
        columns = right[:, None] + torch.arange(width)
        return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()

    return augment
