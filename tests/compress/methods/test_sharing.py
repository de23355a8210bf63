"""What layers share, told from the outside: tensors of the state dict, and what `fips` itself reports."""

import pytest
import timm
import torch
from torch import nn

from labkit import compress, data, models, runs
from labkit.audit import audit
from labkit.compress.methods.fips.budget import rank_for
from labkit.cost import macs_by_module
from labkit.layers import SharedBasisLinear


def mixer():
    torch.manual_seed(0)
    return timm.models.MlpMixer(img_size=32, patch_size=8, num_blocks=3, embed_dim=48, num_classes=4)


@pytest.fixture(scope="module")
def vit():
    return models.load("vit_fashion")


def unshared_bytes(model, kind):
    """Bytes of the tensors of the state dict whose name ends with one of `kind`, each stored place once."""
    found = {tensor.data_ptr(): tensor.nbytes for name, tensor in model.state_dict().items() if name.endswith(kind)}
    return sum(found.values())


FACTORS = {"bitmask": (".factor.values", ".factor.pattern"), "fixed_fan_in": (".factor.weight", ".factor.index")}


@pytest.mark.parametrize("storage", FACTORS)
def test_bytes_are_those_of_the_state_dict(vit, storage):
    small = compress.fips(vit, budget=0.2, storage=storage)
    table = compress.sharing(small)
    assert table.drop_duplicates("group")["base_bytes"].sum() == unshared_bytes(small, (".base",))
    assert table["factor_bytes"].sum() == unshared_bytes(small, FACTORS[storage])
    dense = {name: tensor for name, tensor in vit.state_dict().items() if ".mlp." in name and name.endswith("weight")}
    assert dict(zip(table["layer"] + ".weight", table["dense_bytes"], strict=True)) == {
        name: tensor.nbytes for name, tensor in dense.items()
    }


def test_shapes_and_links_are_those_of_the_tensors(vit):
    small = compress.fips(vit, budget=0.3, groups=2)
    state = small.state_dict()
    for row in compress.sharing(small).itertuples():
        assert list(state[f"{row.layer}.base"].shape) == [row.width, row.rank]
        assert state[f"{row.layer}.factor.values"].numel() == row.nonzeros
        assert len(state[f"{row.layer}.factor.pattern"]) == row.hidden


@pytest.mark.parametrize("make", [lambda: models.load("vit_fashion"), mixer], ids=["vit", "mixer"])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_and_blocks_are_those_that_were_made(make, groups):
    small = compress.fips(make(), budget=0.5, groups=groups)
    table = compress.sharing(small)
    assert [list(dict.fromkeys(part["block"])) for _, part in table.groupby("group")] == small.fips["groups"]
    assert [part["rank"].unique().tolist() for _, part in table.groupby("group")] == [[rank] for rank in small.fips["ranks"]]
    assert all(row.layer.startswith(f"{row.block}.") for row in table.itertuples())


def test_the_order_is_the_networks_whatever_the_groups_are_called(vit):
    table = compress.sharing(compress.fips(vit, budget=0.5, groups=[[4, 5], [2, 0]]))
    assert list(table["layer"]) == [f"blocks.{block}.mlp.fc{layer}" for block in (0, 2, 4, 5) for layer in (1, 2)]
    assert list(table["group"]) == [0] * 4 + [1] * 4


def test_a_stored_network_shares_what_it_shared(vit, tmp_path):
    small, split = compress.fips(vit, budget=0.2), data.load("fashion_mnist").test.subset(slice(0, 32))
    run = runs.Store(tmp_path).save(small, audit=audit(small, split, reference=vit, seconds=0), config={"method": "fips"})
    again, _ = runs.Store(tmp_path).load(run.id)
    assert compress.sharing(again).equals(compress.sharing(small))


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential()])
def test_a_network_that_shares_nothing_has_no_row(model):
    table = compress.sharing(model)
    assert table.empty
    assert {"block", "layer", "group", "nonzeros"} <= set(table)


@pytest.mark.parametrize("budget", [0.25, 0.75])
@pytest.mark.parametrize("rows", [1, 8, 4000])
def test_a_layer_does_the_fewer_of_the_multiplications_that_the_table_states(budget, rows):
    """What torch's own counter sees in a pass."""
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(24, 96), nn.GELU(), nn.Linear(96, 24)).eval()
    table = compress.sharing(small := compress.fips(mlp, budget=budget, sparsity=0.75))
    counted = macs_by_module(small, torch.randn(rows, 24))
    for row in table.itertuples():
        assert counted[row.layer] == min(rows * row.spread_macs, rows * row.whole_macs + row.making_macs)


@pytest.mark.parametrize(("budget", "share"), [(0.25, 0.44), (0.5, 0.89)])
def test_multiplications_of_deit_base_with_zeros_skipped(budget, share):
    """The shared basis is paid in every layer: 44 % and 89 % of dense, with the ranks of the published configuration."""
    width, hidden = 768, 3072
    rank = rank_for(width, [hidden] * 8, budget, 0.75)
    torch.manual_seed(0)
    factor = torch.randn(hidden, rank) * (torch.rand(hidden, rank) < 0.25)
    layer = SharedBasisLinear(nn.Parameter(torch.randn(width, rank)), factor, None, widens=True)
    table = compress.sharing(nn.Sequential(layer))
    assert float(table["macs"].iloc[0] / table["whole_macs"].iloc[0]) == pytest.approx(share, abs=0.005)
