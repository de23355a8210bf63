"""Weight files and model cards: NAME.safetensors and NAME.json side by side."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from labkit.files import atomic_path, sha256, write_text
from labkit.layers.manifest import reason_of
from labkit.models.fitting import Fit, fit_names, torn
from labkit.models.reading import read_checkpoint
from labkit.models.shapes import check_tensors
from labkit.models.tied import unshared
from labkit.words import shortly

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Card:
    """Model card of trained weights.

    Attributes
    ----------
    name, title, data : str
        Name, description and data set of the model.
    seed, epochs : int
        Of the training.
    best_epoch : int
        Epoch with the best validation accuracy, whose weights were kept.
    validation_accuracy, test_accuracy : float
        Fractions; the test part was used once, after the selection.
    test_correct, test_examples : int
        Numbers of correct predictions and of all examples.
    minutes : float
        Wall time of training.
    parameters : int
        Number of parameters.
    torch : str
        Version of torch.
    sha256 : str
        Hash of the safetensors file.
    """

    name: str
    title: str
    data: str
    seed: int
    epochs: int
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_correct: int
    test_examples: int
    minutes: float
    parameters: int
    torch: str
    sha256: str


def save_weights(model: nn.Module, path: Path) -> str:
    """Write the state dict of a model atomically; names that share a tensor are listed in the file's metadata.

    Parameters
    ----------
    model : nn.Module
        The model.
    path : Path
        A .safetensors file.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable.
    """
    tensors, aliases = unshared(model.state_dict())
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=aliases or None)
        except SafetensorError as error:  # how safetensors reports a full disk
            raise OSError(str(error)) from error
    return sha256(path)


def load_weights(model: nn.Module, path: Path) -> tuple[str, ...]:
    """Load weights into a model.

    Checkpoints are taken as trainings leave them: under a key of a dict, with the prefixes of wrappers, without the counters of
    batch norm, with one name of a shared tensor, or in another floating-point type. What was done is returned.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    path : Path
        A .safetensors file, or a torch checkpoint, which is read with ``weights_only=True``; recognised by its first bytes.

    Returns
    -------
    tuple of str
        A few words for each thing that was done to make the names fit.

    Raises
    ------
    ValueError
        If the file is missing, truncated or of another kind, or names, shapes or values are invalid; the model is then unchanged.
    """
    path = Path(path)
    found = read_checkpoint(path)
    fit, own = fit_names(found.tensors, model), model.state_dict()
    _check_names(fit, path)
    check_tensors(fit.tensors, own, path)
    if apart := torn(fit.tensors, model):
        raise ValueError(
            f"{path}: {apart[0]!r} and {apart[1]!r} differ, and are one tensor in the model; give weights of this model"
        )
    tensors = {name: tensor.reshape(own[name].shape) for name, tensor in fit.tensors.items()}
    cast = sorted({f"cast from {_kind(t)} to {_kind(own[n])}" for n, t in tensors.items() if t.dtype != own[n].dtype and t.ndim})
    model.load_state_dict(tensors, strict=False)  # what may be missing was checked above
    return (*found.notes, *fit.notes, *cast)


def weights_in_words(model: nn.Module, weights: str | os.PathLike | None, seed: int, built: str = "random weights") -> str:
    """Load weights from a file, if one is given, and say which weights a network has.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    weights : path or None
    seed : int
        Of the weights that it was built with.
    built : str
        What those are.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        As `load_weights`.
    """
    if weights is None:
        return f"{built} (seed {seed})"
    done = ", ".join(load_weights(model, Path(weights)))
    return f"weights of {Path(weights).name}" + (f" ({done})" if done else "")


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict without unpickling code.

    Parameters
    ----------
    path : Path
        A .safetensors file or a torch checkpoint of tensors.

    Returns
    -------
    dict
        Name -> tensor.

    Raises
    ------
    ValueError
        If the file is missing, damaged, of another kind, or holds anything but a state dict.
    """
    return read_checkpoint(Path(path)).tensors


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _check_names(fit: Fit, path: Path) -> None:
    missing, extra = list(fit.missing), list(fit.extra)
    if missing or extra:
        parts = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(extra)} that the model does not have"] * bool(extra)
        raise ValueError(f"{path} {' and '.join(parts)}; give weights of this architecture")


def _some(names: list[str]) -> str:
    return ", ".join(shortly(name, 100) for name in names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def write_card(card: Card, path: Path) -> None:
    """Write a model card as JSON, atomically.

    Parameters
    ----------
    card : Card
        The card.
    path : Path
        The file.
    """
    write_text(path, json.dumps(asdict(card), indent=2) + "\n")


def read_card(path: Path) -> Card:
    """Read a model card.

    Parameters
    ----------
    path : Path
        A JSON file.

    Returns
    -------
    Card
        The card.

    Raises
    ------
    ValueError
        If the file is missing or not a model card.
    """
    try:
        card = Card(**json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; train the model with: labkit train {Path(path).stem}") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a model card ({reason_of(error)}); train again with: labkit train {Path(path).stem}"
        ) from error
    for field in fields(Card):
        value, kinds = getattr(card, field.name), {"str": (str,), "int": (int,), "float": (int, float)}[str(field.type)]
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(
                f"{path} is not a model card ({field.name} is {shortly(value, 60)}); "
                f"train again with: labkit train {Path(path).stem}"
            )
    return card
