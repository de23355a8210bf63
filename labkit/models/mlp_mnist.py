"""mlp_mnist: LeNet-300-100, the multilayer perceptron 784-300-100-10 common in pruning papers."""

from collections import OrderedDict

import torch
from torch import nn

from labkit.models.normalize import Normalize
from labkit.models.recipe import Recipe


def build() -> nn.Module:
    """Build the network 784-300-100-10 with ReLU, 266,610 parameters.

    Returns
    -------
    nn.Module
        Takes float32 images [N, 1, 28, 28] in [0, 1]; outputs logits [N, 10].
    """
    return nn.Sequential(
        OrderedDict(
            normalize=Normalize([0.1307], [0.3081]),
            flatten=nn.Flatten(),
            fc1=nn.Linear(784, 300),
            relu1=nn.ReLU(),
            fc2=nn.Linear(300, 100),
            relu2=nn.ReLU(),
            fc3=nn.Linear(100, 10),
        )
    )


RECIPE = Recipe(
    name="mlp_mnist",
    title="Perceptron 784-300-100-10",
    data="mnist",
    shape=(1, 28, 28),
    build=build,
    epochs=20,
    batch_size=128,
    optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1),
    min_test_accuracy=0.982,
    warmup=0.05,
    label_smoothing=0.1,
)
