"""Weight files and model cards: NAME.safetensors and NAME.json side by side."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from labkit.files import atomic_path, sha256, write_text

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
    """Write the state dict of a model atomically.

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
    state = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        try:
            save_file(state, temporary)
        except SafetensorError as error:  # how safetensors reports a full disk
            raise OSError(str(error)) from error
    return sha256(path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights into a model.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    path : Path
        A .safetensors file, or a torch checkpoint, which is read with ``weights_only=True``.

    Raises
    ------
    ValueError
        If the file is missing or truncated, or names, shapes or values are invalid; the model is then unchanged.
    """
    state = read_weights(path)
    own = model.state_dict()
    _check_names(state, own, path)
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                f"{path}: {name!r} has shape {list(tensor.shape)}, the model needs {list(own[name].shape)}; "
                "give weights of this architecture"
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name!r} holds NaN or infinite values; give weights of a completed training")
    model.load_state_dict(state)


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
        If the file is missing, damaged, or holds anything but a state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give the path of a .safetensors or torch checkpoint file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, struct.error, RuntimeError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is truncated or damaged ({str(error).splitlines()[0]}); get the file again") from error
    except Exception as error:  # torch.load raises pickle.UnpicklingError for anything but tensors
        raise ValueError(f"{path} holds more than tensors, which is not safe to load; save model.state_dict() instead") from error
    for key in ("state_dict", "model"):
        state = state[key] if isinstance(state, dict) and isinstance(state.get(key), dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict; save model.state_dict() and give that file")
    return state


def _check_names(state: dict[str, torch.Tensor], own: dict[str, torch.Tensor], path: Path) -> None:
    missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or extra:
        parts = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(extra)} that the model does not have"] * bool(extra)
        raise ValueError(f"{path} {' and '.join(parts)}; give weights of this architecture")


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:2])) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


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
        return Card(**json.loads(Path(path).read_text()))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; train the model with: labkit train {Path(path).stem}") from None
    except (json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a model card ({error}); train again with: labkit train {Path(path).stem}") from error
