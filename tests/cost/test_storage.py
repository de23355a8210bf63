"""Bytes and parameters of tensors that are not plain: meta, sparse, and packed ones."""

import torch
from torch import nn

from labkit.cost import bytes_by_kind, count_nonzeros, count_parameters
from tests.zoo import ZOO


def test_on_the_meta_device_layers_of_one_shape_are_not_one():
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    expected = bytes_by_kind(network), count_parameters(network)
    network = network.to("meta")
    assert (bytes_by_kind(network), count_parameters(network)) == expected
    tied, _ = ZOO["tied_linear"].build()
    expected = count_parameters(tied)
    with torch.device("meta"):
        empty = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    empty[2].weight = empty[0].weight
    assert count_parameters(empty) == expected


def test_sparse_tensors_count_what_they_store():
    class Graph(nn.Module):
        def __init__(self, layout):
            super().__init__()
            dense = torch.diag(torch.arange(1.0, 5.0))
            self.register_buffer("adjacency", dense.to_sparse() if layout == "coo" else dense.to_sparse_csr())
            self.weight = nn.Parameter(dense.to_sparse())

    rows = 2 * 4 * 8  # two indices of eight bytes for each entry
    assert bytes_by_kind(Graph("coo")) == {"values": 16, "indices": 2 * rows, "masks": 0, "other": 16}
    assert bytes_by_kind(Graph("csr")) == {"values": 16, "indices": rows + (5 + 4) * 8, "masks": 0, "other": 16}
    assert count_nonzeros(Graph("coo")) == 4
