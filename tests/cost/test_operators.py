"""Multiply-adds of every operator that multiplies, against closed forms and torch's own counter; what is not counted is said."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.mkldnn import to_mkldnn

from labkit.cost import Cost, cost
from tests.zoo import ZOO

ROWS, VECTOR = torch.randn(2, 16), torch.randn(16)
STEPS = torch.randn(2, 5, 8)  # [N, T, D]


class Call(nn.Module):
    """A function as a network."""

    def __init__(self, function, *weights):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(weights)

    def forward(self, *inputs):
        return self.function(*inputs, *self.weights)


def macs(network, example):
    return cost(network, example, seconds=0).macs


def matrix(*shape):
    return torch.randn(*shape)


PRODUCTS = {
    "matrix @ vector": (lambda x, w: x @ w, [VECTOR], 2 * 16),
    "linear with a vector weight": (F.linear, [VECTOR], 2 * 16),
    "mv": (torch.mv, [VECTOR], 2 * 16),
    "addmv": (lambda x, w: torch.addmv(x[:, 0], x, w), [VECTOR], 2 * 16),
    "addmv_": (lambda x, w: x.new_zeros(2).addmv_(x, w), [VECTOR], 2 * 16),
    "dot": (lambda x, w: torch.dot(x[0], w), [VECTOR], 16),
    "vdot": (lambda x, w: torch.vdot(x[0], w), [VECTOR], 16),
    "inner": (torch.inner, [matrix(3, 16)], 2 * 3 * 16),
    "vecdot": (torch.linalg.vecdot, [VECTOR], 2 * 16),
    "outer": (lambda x, w: torch.outer(x[0], w), [matrix(7)], 16 * 7),
    "addr": (lambda x, w: torch.addr(w, x[0], x[1]), [matrix(16, 16)], 16 * 16),
    "addbmm": (lambda x, w: torch.addbmm(w, x[:, :, None], x[:, None, :]), [matrix(16, 16)], 2 * 16 * 16),
    "addbmm_": (lambda x: x.new_zeros(16, 16).addbmm_(x[:, :, None], x[:, None, :]), [], 2 * 16 * 16),
    "baddbmm": (lambda x, w: torch.baddbmm(w, x[:, :, None], x[:, None, :]), [matrix(2, 16, 16)], 2 * 16 * 16),
    "baddbmm_": (lambda x: x.new_zeros(2, 16, 16).baddbmm_(x[:, :, None], x[:, None, :]), [], 2 * 16 * 16),
    "addmm_": (lambda x: x.new_zeros(2, 2).addmm_(x, x.T), [], 2 * 2 * 16),
    "tensordot": (lambda x, w: torch.tensordot(x, w, 1), [matrix(16, 3)], 2 * 16 * 3),
    "einsum, a product": (lambda x, w: torch.einsum("bi,io->bo", x, w), [matrix(16, 3)], 2 * 16 * 3),
    "einsum, a batch of products": (lambda x, w: torch.einsum("bi,bio->bo", x, w), [matrix(2, 16, 3)], 2 * 16 * 3),
    "einsum, an outer product": (lambda x, w: torch.einsum("bi,j->bij", x, w), [matrix(3)], 2 * 16 * 3),
    "einsum, a transpose": (lambda x: torch.einsum("ij->ji", x), [], 0),
    "bilinear": (lambda x, w: F.bilinear(x, x, w), [matrix(4, 16, 16)], 2 * 4 * 16 * 16),
    "cdist, few rows": (torch.cdist, [matrix(8, 16)], 2 * 8 * 16),
    "cdist, many rows": (torch.cdist, [matrix(40, 16)], 2 * 40 * 16),
    "cdist, batches": (lambda x, w: torch.cdist(x[:, None], w), [matrix(2, 8, 16)], 2 * 8 * 16),
    "cdist, absolute": (lambda x, w: torch.cdist(x, w, p=1), [matrix(8, 16)], 2 * 8 * 16),
    "pdist": (lambda x: F.pdist(x), [], 16),
    "sparse matrix": (lambda x: torch.sparse.mm(torch.eye(16).to_sparse(), x.T), [], 16 * 2),
    "sparse matrix in rows": (lambda x: torch.eye(16).to_sparse_csr() @ x.T, [], 16 * 2),
    "convolution over time": (lambda x, w: torch.conv_tbc(x[:, :, None].mT, w, w[0, 0]), [matrix(1, 16, 4)], 2 * 16 * 4),
    "elementwise": (lambda x, w: torch.relu(x * w + w), [VECTOR], 0),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_by_closed_form(name):
    function, weights, expected = PRODUCTS[name]
    assert macs(Call(function, *weights), ROWS) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}], ids=str
)
@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers_by_closed_form(kind, gates, options, dtype):
    # each layer and direction uses [gates H, inputs] and [gates H, H] at each of 2 x 5 steps
    network, hidden = kind(8, 6, batch_first=True, **options).to(dtype), 6
    ways = 2 if options.get("bidirectional") else 1
    expected = sum(ways * gates * hidden * ((8 if layer == 0 else ways * hidden) + hidden) for layer in range(network.num_layers))
    assert macs(network, STEPS) == 2 * 5 * expected


def test_a_recurrent_layer_with_a_projection_by_closed_form():
    assert macs(nn.LSTM(8, 6, proj_size=4, batch_first=True), STEPS) == 2 * 5 * (24 * (8 + 4) + 4 * 6)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTMCell, 4), (nn.GRUCell, 3), (nn.RNNCell, 1)])
def test_recurrent_cells_by_closed_form(kind, gates):
    assert macs(kind(16, 6), ROWS) == 2 * gates * 6 * (16 + 6)


def test_packed_sequences_count_only_the_steps_that_are_there():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = nn.LSTM(8, 6, batch_first=True)

        def forward(self, x):
            return self.recurrent(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True))[1][0][0]

    assert macs(Packed(), STEPS) == (5 + 3) * 24 * (8 + 6)


def test_saving_in_the_head_of_a_recurrent_network_is_no_saving_of_the_whole():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.head = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 3)

        def forward(self, x):
            return self.head(self.recurrent(x)[0][:, -1])

    found = cost(Net(), torch.zeros(1, 50, 8), seconds=0)
    assert found.macs == 50 * 4 * 32 * (8 + 32) + 96
    assert found.layers.loc["recurrent", "macs"] == 50 * 4 * 32 * (8 + 32)


QUERY = torch.randn(2, 4, 5, 16)
ATTENTION = {
    "plain": {},
    "causal": {"is_causal": True},
    "a mask": {"attn_mask": torch.zeros(5, 5)},
    "a mask of truth values": {"attn_mask": torch.ones(2, 1, 5, 5, dtype=torch.bool)},
    "dropout": {"dropout_p": 0.5},
}


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_attention_by_closed_form(name, dtype):
    options = {k: v.to(dtype) if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in ATTENTION[name].items()}
    attend = Call(lambda q: F.scaled_dot_product_attention(q, q, q, **options))
    assert macs(attend, QUERY.to(dtype)) == 2 * (2 * 4 * 5 * 5 * 16)


def test_attention_with_few_keys_and_narrow_values_by_closed_form():
    groups = Call(lambda q: F.scaled_dot_product_attention(q, q[:, :2], q[:, :2], enable_gqa=True))
    assert macs(groups, QUERY) == 2 * (2 * 4 * 5 * 5 * 16)
    narrow = Call(lambda q: F.scaled_dot_product_attention(q, q[:, :, :3], q[:, :, :3, :8]))
    assert macs(narrow, QUERY) == 2 * 4 * 5 * 3 * (16 + 8)


def test_a_learned_query_that_is_expanded_is_counted():
    network, x = ZOO["learned_query"].build()
    # embed 4 x 4 x 16, then one query over four keys: projections of 1 + 4 + 4 rows and of the output, and the products
    expected = 4 * 4 * 16 + (1 + 4 + 4 + 1) * 16 * 16 + 2 * 4 * 16 + 16 * 3
    assert macs(network, x[:1]) == expected


def test_a_padding_mask_does_not_hide_the_encoder():
    network, x = ZOO["masked_transformer"].build()
    blocks = 2 * (5 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 5 * 5 * 16)
    assert macs(network, x[:1]) == blocks + 16 * 3


def test_transposed_and_quantized_layers_by_closed_form():
    assert macs(nn.ConvTranspose2d(4, 6, 2, stride=2), torch.zeros(1, 4, 5, 5)) == 4 * 6 * 2 * 2 * 5 * 5
    dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(16, 3)), {nn.Linear})
    found = cost(dynamic, ROWS, seconds=0)
    assert (found.macs, found.parameters) == (2 * 16 * 3, 16 * 3 + 3)
    assert found.bytes["values"] == 16 * 3 + 4 * 3  # a byte for each weight, four for each bias


def test_layers_of_mkldnn_by_closed_form():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.line = to_mkldnn(nn.Conv2d(2, 4, 3)), to_mkldnn(nn.Linear(4, 3))

        def forward(self, x):
            return self.line(self.conv(x.to_mkldnn()).to_dense().mean((2, 3)).to_mkldnn()).to_dense()

    assert macs(Dense(), torch.zeros(1, 2, 5, 5)) == 3 * 3 * 4 * 2 * 9 + 12


def test_scripted_and_compiled_networks_count_as_they_were_written():
    network, x = ZOO["mlp"].build()
    expected = macs(network, x)
    assert macs(torch.jit.trace(network, x), x) == expected
    assert macs(torch.compile(network, backend="eager"), x) == expected


@pytest.mark.parametrize("name", ["mlp", "conv1d", "conv3d", "grouped", "circular", "batch_norm", "reused", "lora", "gru_cell"])
def test_torchs_counter_agrees_where_it_counts_everything(name):
    network, x = ZOO[name].build()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    found = cost(network, x, seconds=0)
    assert found.flops == counter.get_total_flops()
    assert found.notes == ()


def test_a_module_in_two_places_has_the_sum_and_layers_add_up():
    network, x = ZOO["reused"].build()
    found = cost(network, x[:1], seconds=0)
    assert found.layers.loc["0.0", "macs"] == 2 * 16 * 16
    for name in ("lora", "multihead_attention", "lstm", "weight_norm", "pruned", "beit"):
        network, x = ZOO[name].build()
        found = cost(network, x[:1], seconds=0)
        assert found.layers["macs"].sum() == found.macs, name


def test_what_is_not_counted_is_said():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(9, 3)

        def forward(self, x):
            return self.head(torch.fft.rfft(x).abs())

    notes = cost(Spectrum(), ROWS, seconds=0).notes
    assert notes == ("multiply-adds of these operators are not counted: aten._fft_r2c",)


def test_layers_with_weights_and_no_count_are_named():
    class Elementwise(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(16, 3))

        def forward(self, x):
            return (x[:, :, None] * self.weight).sum(1)

    network = nn.Sequential(nn.Linear(16, 16), Elementwise())
    network.spare = nn.Identity()  # runs, without weights
    assert cost(network, ROWS, seconds=0).notes == ("layers with weights for which no multiply-adds were counted: 1 (Elementwise)",)
    network[0].auxiliary = nn.Linear(16, 5)  # never called
    assert "0.auxiliary (Linear)" not in "".join(cost(network, ROWS, seconds=0).notes)  # its owner multiplies, perhaps with it
    network = ZOO["keywords"].build()[0]
    network.auxiliary = nn.ModuleList([nn.Linear(16, 5)])
    assert cost(network, ROWS, seconds=0).notes == (
        "layers with weights that did not run on the example, and count no multiply-adds: auxiliary.0 (Linear)",
    )


def test_notes_are_stored_and_older_costs_are_read():
    network = Call(lambda x, w: torch.fft.rfft(x).abs() @ w, matrix(9, 3))
    found = cost(network, ROWS, seconds=0)
    assert Cost.from_dict(found.to_dict()).notes == found.notes != ()
    plain = cost(nn.Linear(16, 3), ROWS, seconds=0).to_dict()
    assert "notes" not in plain
    assert Cost.from_dict(plain).notes == ()
