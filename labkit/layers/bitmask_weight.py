"""`BitmaskWeight`: what the layers of unstructured sparsity have in common, one value per nonzero and one bit per position."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from labkit.kernels.bits import expand_bits
from labkit.kernels.op import is_traced


def packed_bits(mask: Tensor) -> Tensor:
    """Pack a boolean matrix into bits.

    Parameters
    ----------
    mask : bool Tensor [N, D]
        Positions of the nonzeros.

    Returns
    -------
    uint8 Tensor [N, ceil(D / 8)]
        The first position in the lowest bit.
    """
    rows, width = mask.shape
    padded = torch.zeros(rows, -(-width // 8) * 8, dtype=torch.uint8, device=mask.device)
    padded[:, :width] = mask
    return (padded.view(rows, -1, 8) << _shifts(mask)).sum(2, dtype=torch.uint8)


def unpacked_bits(bits: Tensor, width: int) -> Tensor:
    """Invert `packed_bits`.

    Parameters
    ----------
    bits : uint8 Tensor [N, ceil(width / 8)]
        Packed bits.
    width : int
        Columns of the mask.

    Returns
    -------
    bool Tensor [N, width]
        The mask.
    """
    return ((bits[:, :, None] >> _shifts(bits)) & 1).flatten(1)[:, :width].bool()


def _shifts(like: Tensor) -> Tensor:
    return torch.arange(8, dtype=torch.uint8, device=like.device)


def _is_plain(values: Tensor) -> bool:
    """Whether the compiled kernel applies: plain CPU tensors, outside autograd and tracing."""
    needs_grad = torch.is_grad_enabled() and values.requires_grad
    numbers = type(values) is nn.Parameter and values.is_floating_point() and values.element_size() > 1
    traced = is_traced() or is_in_torch_dispatch_mode()
    return numbers and values.device.type == "cpu" and not needs_grad and not traced


class BitmaskWeight(nn.Module):
    """A weight with zeros; base class of the bitmask layers.

    Attributes
    ----------
    values : nn.Parameter [nonzeros]
        Row by row.
    pattern : uint8 Tensor [N, ceil(D / 8)]
        One bit per position, a buffer.
    bias : nn.Parameter [N] or None
        Added to the outputs.
    width : int
        Columns of the weight, D.
    """

    pattern: Tensor
    storage_kinds: ClassVar[dict[str, str]] = {"pattern": "masks"}  # kind of storage for `labkit.cost`

    def _set_up(self, weight: Tensor, bias: Tensor | None) -> None:
        if bias is not None and list(bias.shape) != [len(weight)]:
            raise ValueError(f"bias must have shape [{len(weight)}], got {list(bias.shape)}")
        self.width = weight.shape[1]
        mask = weight.detach() != 0
        self.values = nn.Parameter(weight.detach()[mask].clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.register_buffer("pattern", packed_bits(mask))

    def matrix(self) -> Tensor:
        """Return the dense weight as a matrix.

        Returns
        -------
        Tensor [N, D]
            Differentiable with respect to the values.
        """
        if _is_plain(self.values):
            return expand_bits(self.values, self.pattern, self.width)
        mask = unpacked_bits(self.pattern, self.width)
        return self.values.new_zeros(mask.shape).masked_scatter(mask, self.values)

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Accept a state with another number of nonzeros: the same method keeps others of another network."""
        values, pattern = state_dict.get(f"{prefix}values"), state_dict.get(f"{prefix}pattern")
        if values is not None and pattern is not None and pattern.shape == self.pattern.shape and values.ndim == 1:
            marked = int(unpacked_bits(pattern, self.width).sum()) if not pattern.is_meta else len(values)
            if marked != len(values):
                error_msgs.append(
                    f"{prefix}values has {len(values)} entries, and {prefix}pattern marks {marked}; load both from one file"
                )
                return
            if len(values) != len(self.values):
                self.values = nn.Parameter(self.values.new_zeros(len(values)), requires_grad=self.values.requires_grad)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
