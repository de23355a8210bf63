"""Models whose feed-forward layers are compressed, with their calibration inputs and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from labkit import compress, data, models
from labkit.training import predict

EXAMPLES = 1024  # calibration inputs


@dataclass(frozen=True)
class Network:
    """A model under test.

    Attributes
    ----------
    model : nn.Module
        The original.
    inputs : callable (seed) -> inputs of the model
        Calibration inputs, disjoint from those of `measure`.
    measure : callable (compressed model) -> dict
        "quality", "dense" (quality of the original) and a distance to the outputs of the original.
    steps : int
        Optimizer steps of fitted variants.
    """

    model: nn.Module
    inputs: Callable[[int], Any]
    measure: Callable[[nn.Module], dict[str, float]]
    steps: int


@cache
def network(name: str) -> Network:
    """Make a model by its name on the command line; timm models are timm:NAME|checkpoint|ImageNet folder."""
    if name.startswith("timm:"):
        return imagenet(*name.removeprefix("timm:").split("|"))
    return {"vit_fashion": vit_fashion, "minilm": minilm}[name]()


def vit_fashion() -> Network:
    """vit_fashion, evaluated on the whole test part of Fashion-MNIST."""
    dataset, model = data.load("fashion_mnist"), models.load("vit_fashion")
    wanted = predict(model, dataset.test)

    def measure(small: nn.Module) -> dict[str, float]:
        return compared(predict(small, dataset.test), wanted, dataset.test.labels)

    return Network(model, lambda seed: compress.calibration_inputs(dataset, EXAMPLES, seed), measure, steps=300)


def minilm() -> Network:
    """A pretrained sentence encoder, evaluated on pairs of definitions."""
    from minilm import Sentences, calibration_sentences, encoder, tokens

    model = encoder()
    return Network(model, lambda seed: tokens(calibration_sentences(EXAMPLES, seed)), Sentences(model).measure, steps=200)


def imagenet(name: str, checkpoint: str, folder: str) -> Network:
    """A timm model with your own weights and images: `folder` contains train and val, with one folder per class."""
    import timm
    from torchvision.datasets import ImageFolder

    parts = {part: Path(folder) / part for part in ("train", "val")}
    for place in (*parts.values(), Path(checkpoint)):
        if not place.exists():
            raise SystemExit(
                f"{place} does not exist; --checkpoint is a file of weights, --imagenet a folder that contains train and val"
            )
    classes = len([place for place in parts["val"].iterdir() if place.is_dir()])
    model = timm.create_model(name, pretrained=False, num_classes=classes, checkpoint_path=checkpoint).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    train, val = (ImageFolder(place, transform) for place in parts.values())

    def inputs(seed: int) -> torch.Tensor:
        rows = np.random.default_rng(seed).choice(len(train), min(EXAMPLES, len(train)), replace=False)
        return torch.stack([train[row][0] for row in rows])

    def outputs(model: nn.Module) -> np.ndarray:
        loader = torch.utils.data.DataLoader(val, batch_size=50, num_workers=2)
        with torch.inference_mode():
            return np.concatenate([model(images).numpy() for images, _ in loader])

    wanted = outputs(model)
    return Network(model, inputs, lambda small: compared(outputs(small), wanted, np.array(val.targets)), steps=600)


def compared(outputs: np.ndarray, wanted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, accuracy of the original, and squared output error relative to the variance of the outputs."""
    error = float(((outputs - wanted) ** 2).mean() / wanted.var())
    right = {"quality": float((outputs.argmax(1) == labels).mean()), "dense": float((wanted.argmax(1) == labels).mean())}
    return right | {"output_error": round(error, 6)}
