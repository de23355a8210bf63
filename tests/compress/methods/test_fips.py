"""FiPS against closed forms: Eckart and Young, published ranks, byte counts, and what must not change."""

import copy

import numpy as np
import pytest
import scipy.linalg
import timm
import torch
from safetensors import safe_open
from torch import nn

from labkit import audit, compress, data, models, runs
from labkit.compress.inputs import calibration_inputs
from labkit.compress.methods.fips.budget import rank_for, size_of
from labkit.compress.methods.fips.factors import Target, conjugate_gradients, shared_factors, shared_svd
from labkit.cost import bytes_by_kind
from labkit.layers import SharedBasisLinear
from labkit.training import Loop

SIDES = [3072] * 8


def vit(depth=2, **options):
    torch.manual_seed(0)
    return timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=48, num_heads=3, depth=depth, num_classes=5, **options
    ).eval()


def images(count=32):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def targets(count=6, d=24, p=60):
    torch.manual_seed(0)
    return [Target(torch.randn(d, p) * torch.rand(p)) for _ in range(count)]


def rest(found, wanted):
    return sum(target.error(found.base, factor) for target, factor in zip(wanted, found.factors, strict=True))


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("kind", ["parameters", "bytes"])
@pytest.mark.parametrize("width", [64, 128, 768])
def test_the_budget_is_kept_where_links_are_rounded(width, kind, storage):
    rank = rank_for(width, [256] * 8, 0.05, 0.85, kind=kind, storage=storage)
    most = 0.05 * width * 256 * 8 * (1 if kind == "parameters" else 4)
    assert size_of(width, [256] * 8, rank, 0.85, kind, storage, 4) <= most


def test_one_step_of_fitting_keeps_the_size_too():
    small = compress.fips(vit(), budget=0.25, calibration=images(), steps=1, masks="gmp", progress=False)
    links = sum(layer.nonzeros for layer in small.modules() if isinstance(layer, SharedBasisLinear))
    sizes = sum(48 * rank for rank in small.fips["ranks"])
    assert links + sizes <= small.fips["parameters"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_it_cannot_share_are_refused(dtype):
    with pytest.raises(TypeError, match=r"^fips needs float32 weights on the processor, got torch\..*; call \.float\(\)\.cpu\(\)$"):
        compress.fips(vit().to(dtype), budget=0.25, steps=0)
    broken = vit()
    broken.blocks[1].mlp.fc1.weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"^the weight of blocks\.1\.mlp\.fc1 is not finite everywhere"):
        compress.fips(broken, budget=0.25, steps=0)


@pytest.mark.parametrize(
    ("blocks", "sparsity", "ranks"),
    [
        (1, 0.75, (204, 512, 819, 1024, 1536)),
        (2, 0.75, (245, 614, 983, 1228, 1843)),
        (4, 0.75, (273, 682, 1092, 1365, 2048)),
        (12, 0.75, (294, 737, 1179, 1474, 2211)),
        (4, 0.0, (74, 186, 297, 372, 558)),
    ],
)
def test_ranks_of_deit_base(blocks, sparsity, ranks):
    """As the official code gives them for width 768."""
    budgets = (0.1, 0.25, 0.4, 0.5, 0.75)
    assert tuple(rank_for(768, [3072] * (2 * blocks), budget, sparsity) for budget in budgets) == ranks


@pytest.mark.parametrize(
    ("rank", "indexed", "bits"),
    [(273, 0.189, 0.122), (682, 0.472, 0.305), (1092, 0.755, 0.489), (1365, 0.944, 0.611), (2048, 1.417, 0.917)],
)
def test_bytes_of_deit_base_in_float16(rank, indexed, bits):
    """The table of the specification: values of 16 bits with an index of 16 bits each, or with a bit a place."""
    dense = 2 * 768 * sum(SIDES)
    for storage, share in (("fixed_fan_in", indexed), ("bitmask", bits)):
        assert size_of(768, SIDES, rank, 0.75, "bytes", storage, 2) / dense == pytest.approx(share, abs=0.002)


def test_a_byte_budget_is_kept_and_used():
    for storage in ("bitmask", "fixed_fan_in"):
        rank = rank_for(768, SIDES, 0.25, 0.5, kind="bytes", storage=storage)
        most = 0.25 * 4 * 768 * sum(SIDES)
        assert size_of(768, SIDES, rank, 0.5, "bytes", storage, 4) <= most < size_of(768, SIDES, rank + 8, 0.5, "bytes", storage, 4)


@pytest.mark.parametrize("rank", [3, 12, 23])
def test_without_zeros_it_is_eckart_and_youngs(rank):
    wanted = targets()
    found = shared_svd(wanted, rank, torch.Generator())
    singular = scipy.linalg.svdvals(np.concatenate([target.matrix.numpy() for target in wanted], axis=1).astype(float))
    assert rest(found, wanted) == pytest.approx((singular[rank:] ** 2).sum(), rel=1e-4)
    torch.testing.assert_close(found.base.t() @ found.base, torch.eye(rank), atol=1e-5, rtol=0)
    u = scipy.linalg.svd(np.concatenate([target.matrix.numpy() for target in wanted], axis=1))[0][:, :rank]
    np.testing.assert_allclose(np.abs(u.T @ found.base.numpy()), np.eye(rank), atol=1e-2)  # the same vectors up to their sign


def test_beyond_full_rank_the_product_is_what_it_was():
    wanted = targets()
    found = shared_svd(wanted, 40, torch.Generator().manual_seed(0))
    assert found.base.shape == (24, 40)
    for target, factor in zip(wanted, found.factors, strict=True):
        torch.testing.assert_close(found.base @ factor, target.matrix, atol=1e-4, rtol=0)


def test_zeros_chosen_and_fitted_do_better_than_zeros_alone():
    """Against truncation with the same number of parameters, and against pruning the factors without fitting the rest."""
    wanted, generator = targets(), torch.Generator().manual_seed(0)
    found = shared_factors(wanted, 24, 0.25, generator=generator)
    assert sum(int(mask.sum()) for mask in found.masks) == int(0.25 * 24 * 60 * 6)
    dense = shared_svd(wanted, 24, generator)
    flat = torch.cat([factor.flatten() for factor in dense.factors]).abs()
    least = flat.topk(len(flat) // 4).values.min()
    pruned = [factor * (factor.abs() >= least) for factor in dense.factors]
    alone = sum(target.error(dense.base, factor) for target, factor in zip(wanted, pruned, strict=True))
    assert rest(found, wanted) < 0.9 * alone
    assert rest(found, wanted) < 0.6 * rest(shared_svd(wanted, 6, generator), wanted)


def test_what_comes_in_counts():
    """With inputs that live in a plane, the closed form that looks at them is exact at rank 2; the other is not."""
    torch.manual_seed(0)
    plane = torch.randn(500, 2) @ torch.randn(2, 24)
    matrix = torch.randn(24, 60)
    moments = plane.t() @ plane / 500 + 1e-6 * torch.eye(24)
    aware = shared_factors([Target(matrix, left=moments)], 2, 1.0, generator=torch.Generator())
    blind = shared_svd([Target(matrix)], 2, torch.Generator())
    wanted = plane @ matrix

    def off(found):
        return float((plane @ found.base @ found.factors[0] - wanted).square().sum() / wanted.square().sum())

    assert off(aware) < 0.01
    assert off(blind) > 0.3


def test_conjugate_gradients_solve():
    torch.manual_seed(0)
    a = torch.randn(12, 12, dtype=torch.float64)
    square, wanted = a @ a.t() + torch.eye(12), torch.randn(12, 5, dtype=torch.float64)
    for by_column in (True, False):
        found = conjugate_gradients(lambda x: square @ x, wanted, torch.zeros_like(wanted), steps=60, by_column=by_column)
        torch.testing.assert_close(found, torch.linalg.solve(square, wanted), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rank", [48, 60])
def test_full_rank_without_zeros_is_the_network(rank):
    model, x = vit(), images(4)
    small = compress.fips(model, rank=rank, sparsity=0.0)
    torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-5)
    small = compress.fips(model, rank=rank, sparsity=0.0, calibration=images())
    torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-5)


def test_one_base_in_the_file_and_back(tmp_path):
    model, x = vit(depth=4), images(4)
    small = compress.fips(model, budget=0.25, sparsity=0.5)
    layers = [layer for layer in small.modules() if isinstance(layer, SharedBasisLinear)]
    assert len(layers) == 8
    assert len({id(layer.base) for layer in layers}) == 1
    assert sum(name.endswith("base") for name, _ in small.named_parameters()) == 1
    held = sum(p.numel() for p in small.parameters()) - sum(p.numel() for p in model.parameters()) + 8 * 48 * 192
    assert held == small.fips["parameters"] <= 0.25 * 8 * 48 * 192
    from labkit.runs.weights import load_state, save_state

    save_state(small, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert sum(name.endswith("base") for name in file.keys()) == 1  # noqa: SIM118, no mapping
    again = copy.deepcopy(model)
    from labkit.layers import describe_layers, rebuild_layers

    rebuild_layers(again, describe_layers(small))
    load_state(again, tmp_path / "model.safetensors")
    assert torch.equal(again(x), small(x))
    assert len({id(layer.base) for layer in again.modules() if isinstance(layer, SharedBasisLinear)}) == 1


def test_half_precision_at_a_quarter_of_the_parameters_is_at_most_31_percent_of_the_file(tmp_path):
    """Four blocks a quarter as wide as DeiT-B's; without biases, which nothing compresses. Outputs stay those of float32."""
    from labkit.runs.weights import save_state

    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Linear(192, 768, bias=False), nn.GELU(), nn.Linear(768, 192, bias=False)) for _ in range(4)]
    model = nn.Sequential(*blocks).eval()
    small = compress.fips(model, budget=0.25, sparsity=0.75)
    x = torch.randn(5, 192)
    wanted = small(x).detach()
    sizes = []
    for name, each in (("dense", model), ("small", small)):
        save_state(each.half(), tmp_path / name)
        sizes.append((tmp_path / name).stat().st_size)
    assert 0.25 < sizes[1] / sizes[0] <= 0.31
    torch.testing.assert_close(small(x.half()).float(), wanted, rtol=0.01, atol=0.01 * float(wanted.std()))


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("widens", [True, False])
def test_a_layer_is_its_dense_form(storage, widens):
    torch.manual_seed(0)
    base = nn.Parameter(torch.randn(12, 20))
    factor = torch.randn(40, 20) * (torch.rand(40, 20) < 0.4)
    layer = SharedBasisLinear(base, factor, torch.randn(40 if widens else 12), widens=widens, storage=storage)
    dense = layer.to_dense()
    product = factor @ base.t()
    assert torch.equal(dense.weight, product if widens else product.t())
    for rows in (1, 7, 5000):  # the last goes by the whole product
        x = torch.randn(rows, layer.in_features)
        torch.testing.assert_close(layer(x), dense(x), rtol=1e-4, atol=1e-4)
    x = torch.randn(3, layer.in_features, requires_grad=True)
    layer(x).square().sum().backward()
    assert base.grad.abs().sum() > 0
    assert layer.factor.weight.grad.abs().sum() > 0 if storage == "fixed_fan_in" else layer.factor.values.grad.abs().sum() > 0
    kind = "masks" if storage == "bitmask" else "indices"
    assert bytes_by_kind(layer)[kind] == (40 * 3 if storage == "bitmask" else 2 * layer.nonzeros)


@pytest.mark.slow
@pytest.mark.parametrize("masks", ["static", "gmp", "rigl"])
def test_fitting_lowers_the_error_from_end_to_end(masks):
    model = vit(depth=3)
    small = compress.fips(model, budget=0.15, sparsity=0.6, calibration=images(64), steps=60, masks=masks, learning_rate=3e-3)
    first, last = small.fips["closed_form"], small.fips["fitted_blocks"]
    if masks != "gmp":  # which begins with twice the links
        assert last["blocks"] < first["blocks"]
        assert last["outputs"] < first["outputs"]
    links = sum(layer.nonzeros for layer in small.modules() if isinstance(layer, SharedBasisLinear))
    rank = small.fips["ranks"][0]
    assert links <= int(0.4 * rank * 192 * 6)
    again = compress.fips(model, budget=0.15, sparsity=0.6, calibration=images(64), steps=60, masks=masks, learning_rate=3e-3)
    assert torch.equal(small(images(2)), again(images(2)))


@pytest.mark.slow
def test_the_whole_network_is_fitted_to_the_outputs():
    model = vit(depth=3)
    x = images(64)
    closed, fitted = (compress.fips(model, budget=0.1, calibration=x, finetune=steps) for steps in (0, 80))
    wanted = model(x).log_softmax(1)
    before, after = (
        nn.functional.kl_div(small(x).log_softmax(1), wanted, reduction="sum", log_target=True) for small in (closed, fitted)
    )
    assert after < 0.5 * before


@pytest.mark.slow
# without a learning rate nothing improves, and the blocks are left before their last step
@pytest.mark.parametrize(("rate", "stops"), [(3e-3, (2, 3, 45)), (1e-12, (3, 38))])
def test_interrupted_it_goes_on_where_it_was(tmp_path, monkeypatch, rate, stops):
    """At a step whose gradient the next change of links needs, and in the second of two fits."""
    settings = {"budget": 0.15, "sparsity": 0.6, "calibration": images(64), "steps": 40, "finetune": 12, "learning_rate": rate}
    whole = compress.fips(vit(), **settings)
    step = Loop.train_step

    def falling_at(last):
        left = iter(range(last - 1, -1, -1))

        def falls(loop):
            step(loop)
            if not next(left):
                raise KeyboardInterrupt

        return falls

    for stop in stops:
        monkeypatch.setattr(Loop, "train_step", falling_at(stop))
        # a checkpoint at every step
        monkeypatch.setattr("labkit.training.loop.time.monotonic", iter(range(0, 10**9, 61)).__next__)
        with pytest.raises(KeyboardInterrupt):
            compress.fips(vit(), checkpoint=tmp_path / "fit", **settings)
        monkeypatch.undo()
        assert list(tmp_path.iterdir())
        resumed = compress.fips(vit(), checkpoint=tmp_path / "fit", **settings)
        assert torch.equal(resumed(images(2)), whole(images(2)))
        assert not list(tmp_path.iterdir())


def test_inputs_of_a_data_set_take_turns_by_class():
    labels = np.repeat([0, 1, 2], [500, 300, 20])  # sorted by class, one of them rare
    split = data.Split(labels, ("a", "b", "c"), x=np.arange(820, dtype=np.float32)[:, None])
    rows = calibration_inputs(split, 90).flatten().long().numpy()
    assert len(set(rows)) == 90
    for count in (3, 30, 60):
        assert np.bincount(labels[rows[:count]]).tolist() == [count // 3] * 3
    assert np.bincount(labels[rows]).tolist() == [35, 35, 20]
    assert rows[labels[rows] == 0].max() > 300  # not the first of each
    assert np.array_equal(calibration_inputs(split, 90, seed=0).flatten().long(), rows)
    assert not np.array_equal(calibration_inputs(split, 90, seed=1).flatten().long(), rows)


def test_mistakes_are_one_sentence():
    model = vit()
    for settings, message in (
        ({"budget": 1.5}, r"budget must lie in \(0, 1\], got 1.5"),
        ({"sparsity": 1.0}, r"sparsity must lie in \[0, 1\), got 1.0"),
        ({"budget": 0.001}, "a budget of 0.001 is below what rank 1 takes; give at least 0.0"),
        ({"steps": 10}, "need calibration inputs"),
        ({"steps": -1}, "must not be negative, got -1 and 0"),
        ({"masks": "best"}, "masks must be one of static, gmp, rigl, got 'best'"),
        ({"calibration": images(4)}, "calibration needs at least 16 examples, got 4"),
        ({"calibration": torch.full((20, 3, 32, 32), float("nan"))}, "calibration input x has values that are NaN or infinite"),
        ({"calibration": torch.zeros(20, 1, 32, 32)}, r"does not take the calibration inputs \(float32 \[20, 1, 32, 32\]\)"),
    ):
        with pytest.raises(ValueError, match=message):
            compress.fips(model, **settings)
    with pytest.raises(ValueError, match="the network has no feed-forward block"):
        compress.fips(nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(TypeError, match="calibration must be a tensor, a dict of tensors or a data set, got str"):
        compress.fips(model, calibration="mnist")


def test_it_is_a_method_of_runs():
    assert "fips" in compress.METHODS
    assert runs.jobs({"models": ["vit_fashion"], "methods": {"fips": {"budget": [0.1, 0.25]}}})[1].parameters["budget"] == 0.25


class Reader(nn.Module):
    """Tokens -> states, as encoders of texts take them; what a padded place holds is noise."""

    def __init__(self, width=8):
        super().__init__()
        self.embed = nn.Embedding(40, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(2)
        )

    def forward(self, input_ids, attention_mask):
        x = self.embed(input_ids)
        for block in self.blocks:
            x = x + block(x)
        return x


def test_padding_of_texts_changes_nothing():
    """The same texts, with other tokens and any number of places behind their ends."""
    torch.manual_seed(0)
    model, lengths = Reader(), torch.randint(3, 9, (32,))
    made = []
    for width in (8, 12):
        mask = (torch.arange(width) < lengths[:, None]).long()
        ids = torch.where(mask.bool(), torch.arange(width) * 3 + lengths[:, None] % 3, torch.randint(30, 40, (32, width)))
        made.append(compress.fips(model, rank=3, calibration={"input_ids": ids, "attention_mask": mask}, steps=8))
    for (name, one), other in zip(made[0].state_dict().items(), made[1].state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)
    for kind in ("closed_form", "fitted_blocks"):
        assert made[0].fips[kind] == pytest.approx(made[1].fips[kind], rel=1e-3)


def test_what_it_tells_survives_the_store(tmp_path):
    model, split = models.load("vit_fashion"), data.load("fashion_mnist").test.subset(slice(0, 20))
    small = compress.fips(model, budget=0.1, calibration=split.subset(slice(0, 16)))
    store = runs.Store(tmp_path)
    run = store.save(small, audit=audit.audit(small, split, cost=False))
    again, _ = store.load(run.id)
    assert again.fips == small.fips
    assert len(again.fips["ranks"]) == 2
    assert set(again.fips) == {"ranks", "groups", "parameters", "closed_form"}
    assert copy.deepcopy(again).fips == small.fips
    plain = store.save(model, audit=audit.audit(model, split, cost=False))
    assert not hasattr(store.load(plain.id)[0], "fips")
