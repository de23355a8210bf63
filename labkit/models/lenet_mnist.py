"""lenet_mnist: a small convolutional network after LeNet-5, with ReLU and max pooling."""

from collections import OrderedDict

import torch
from torch import nn

from labkit.models.normalize import Normalize
from labkit.models.recipe import Recipe


def build() -> nn.Module:
    """Build the network conv5x5(16)-pool-conv5x5(32)-pool-fc(128)-fc(10) with ReLU.

    Returns
    -------
    nn.Module
        Takes float32 images [N, 1, 28, 28] in [0, 1]; outputs logits [N, 10].
    """
    return nn.Sequential(
        OrderedDict(
            normalize=Normalize([0.1307], [0.3081]),
            conv1=nn.Conv2d(1, 16, 5, padding=2),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(16, 32, 5),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(32 * 5 * 5, 128),
            relu3=nn.ReLU(),
            fc2=nn.Linear(128, 10),
        )
    )


RECIPE = Recipe(
    name="lenet_mnist",
    title="LeNet-style convolutional network",
    data="mnist",
    shape=(1, 28, 28),
    build=build,
    epochs=10,
    batch_size=128,
    optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05),
    min_test_accuracy=0.99,
    warmup=0.1,
    channels_last=True,
)
