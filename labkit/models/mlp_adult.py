"""mlp_adult: a multilayer perceptron on the Adult census table, for fairness audits; sex and race are not inputs."""

from collections import OrderedDict

import torch
from torch import nn

from labkit.models.normalize import Normalize
from labkit.models.recipe import Recipe


class LogColumns(nn.Module):
    """Replace columns of rows [N, D] by log(1 + x), because capital gains span five orders of magnitude.

    Parameters
    ----------
    columns : tuple of int
        Column indices.
    """

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, self.columns] = x[:, self.columns].log1p()
        return x

    def extra_repr(self) -> str:
        return f"columns={self.columns}"


FEATURES = 97
MEAN = [38.55, 189420.0, 10.13, 0.74, 0.35, 40.93]  # age, fnlwgt, education-num, log capital-gain, log capital-loss, hours
STD = [13.18, 105590.0, 2.54, 2.47, 1.59, 11.93]


def build() -> nn.Module:
    """Build the network 97-128-64-2 with ReLU and dropout.

    Returns
    -------
    nn.Module
        Takes float32 rows [N, 97]; outputs logits [N, 2].
    """
    constants = FEATURES - len(MEAN)
    return nn.Sequential(
        OrderedDict(
            log=LogColumns((3, 4)),
            normalize=Normalize(MEAN + [0.0] * constants, STD + [1.0] * constants),
            fc1=nn.Linear(FEATURES, 128),
            relu1=nn.ReLU(),
            drop1=nn.Dropout(0.2),
            fc2=nn.Linear(128, 64),
            relu2=nn.ReLU(),
            drop2=nn.Dropout(0.2),
            fc3=nn.Linear(64, 2),
        )
    )


RECIPE = Recipe(
    name="mlp_adult",
    title="Perceptron 97-128-64-2 on census rows",
    data="adult",
    shape=(FEATURES,),
    build=build,
    epochs=20,
    batch_size=128,
    optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05),
    min_test_accuracy=0.845,
    warmup=0.1,
)
