"""The table of distributions keeps the sparsity and counts the inputs of kernels."""

import pytest
import torch
from torch import nn

from labkit.sparsify.layer_table import distribution_table


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_both_distributions_keep_the_sparsity_of_the_network(sparsity):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 40), nn.ReLU(), nn.Linear(40, 10))
    weights = {"0.weight": 8 * 27, "3.weight": 40 * 128, "5.weight": 400}
    table = distribution_table(model, torch.zeros(1, 3, 6, 6), sparsity)
    assert list(table["distribution"].unique()) == ["uniform", "ERK"]
    for _, rows in table.groupby("distribution"):
        assert list(rows["layer"]) == list(weights)
        kept = (rows["density"] * list(weights.values())).sum() / sum(weights.values())
        assert kept == pytest.approx(1 - sparsity, abs=1e-6)
        assert (rows["fan_in"] / rows["density"]).tolist() == pytest.approx([27, 128, 40])
        assert list(rows["macs"]) == [8 * 27 * 16, 40 * 128, 400]
