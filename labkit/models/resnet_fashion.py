"""resnet_fashion: a small bottleneck ResNet; every 3x3 convolution is followed by a 1x1, as root modules require (Deep Roots)."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from labkit.models.normalize import Normalize
from labkit.models.recipe import Recipe
from labkit.training import decay_matrices_only


class Bottleneck(nn.Module):
    """Residual block of a 1x1, a strided 3x3 and a 1x1 convolution, with a projection if shapes change.

    Parameters
    ----------
    inside, middle, outside : int
        Channels of the input, between the convolutions, and of the output.
    stride : int
        Stride of the 3x3 convolution.
    """

    def __init__(self, inside: int, middle: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def build() -> nn.Module:
    """Build a ResNet of a 3x3(32) stem, max pooling and three stages of two bottlenecks, 0.2 M parameters.

    Returns
    -------
    nn.Module
        Takes float32 images [N, 1, 28, 28] in [0, 1]; outputs logits [N, 10].
    """
    model = nn.Sequential(
        OrderedDict(
            normalize=Normalize([0.2860], [0.3530]),
            conv1=nn.Conv2d(1, 32, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(32),
            relu=nn.ReLU(inplace=True),
            maxpool=nn.MaxPool2d(2),
            layer1=nn.Sequential(Bottleneck(32, 16, 64, 1), Bottleneck(64, 16, 64, 1)),
            layer2=nn.Sequential(Bottleneck(64, 32, 128, 2), Bottleneck(128, 32, 128, 1)),
            layer3=nn.Sequential(Bottleneck(128, 64, 256, 2), Bottleneck(256, 64, 256, 1)),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(256, 10),
        )
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


RECIPE = Recipe(
    name="resnet_fashion",
    title="Bottleneck ResNet, 3 stages of 2",
    data="fashion_mnist",
    shape=(1, 28, 28),
    build=build,
    epochs=12,
    batch_size=128,
    optimizer=lambda model: torch.optim.SGD(decay_matrices_only(model, 1e-3), lr=0.2, momentum=0.9, nesterov=True),
    min_test_accuracy=0.93,
    warmup=0.1,
    channels_last=True,
)
