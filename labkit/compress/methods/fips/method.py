"""FiPS: the feed-forward layers of neighbouring transformer blocks share one basis, and keep a sparse factor each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from labkit.compress.apart import apart
from labkit.compress.inputs import Inputs, calibration_inputs, check_inputs, length_of, rows_of
from labkit.compress.method import BUDGET_KIND, Method, register
from labkit.compress.methods.fips.budget import BudgetKind
from labkit.compress.methods.fips.closed_form import Plan, closed_forms
from labkit.compress.methods.fips.diagnostics import sharing
from labkit.compress.methods.fips.fit import Blocks, LearningLayer, Masks, Outputs, errors, learn, reached, student_of
from labkit.compress.mlps import MLP, find_mlps, group_mlps
from labkit.compress.pointwise import CONVOLUTIONS
from labkit.compress.select import check_float32, replaced, select_layers
from labkit.layers import SharedBasisConv, SharedBasisLinear, attach_facts, copied, replace_layer
from labkit.layers.shared_basis import STORAGES, Storage
from labkit.registry import Param
from labkit.training import checkpoint as checkpoints
from labkit.untouched import leaves_untouched

Init = Literal["svd", "activation_aware"]
POINTWISE = (nn.Linear, *CONVOLUTIONS)
CLOSED = 0.3  # share of the work that the closed form is, on the progress bar
EXAMPLES = {"closed form": 256, "to fit": 1024}  # taken from a data set; second moments settle with few


@leaves_untouched
def fips(
    model: nn.Module,
    *,
    budget: float = 0.25,
    budget_kind: BudgetKind = "parameters",
    rank: int | None = None,
    groups: str | int | Sequence[Sequence[int]] = "auto",
    sparsity: float = 0.75,
    calibration: Any = None,
    steps: int = 0,
    finetune: int = 0,
    init: Init | None = None,
    masks: Masks = "rigl",
    storage: Storage = "bitmask",
    learning_rate: float = 1e-3,
    checkpoint: str | os.PathLike | None = None,
    seed: int = 0,
    progress: bool | Callable[[float, str], None] = False,
) -> nn.Module:
    """Replace the weights of feed-forward layers by shared bases and sparse factors.

    Parameters
    ----------
    model : nn.Module
        Any network with feed-forward blocks, of linear layers or 1x1 convolutions, see `find_mlps`; not modified.
    budget : float in (0, 1]
        Fraction of the feed-forward weights that may remain.
    budget_kind : {"parameters", "bytes"}
        "parameters" counts bases once and nonzeros, as the paper does; "bytes" counts their positions too.
    rank : int, optional
        Columns of every base, instead of the most that the budget allows.
    groups : "auto", int, or lists of block numbers
        Which blocks share a basis, see `group_mlps`.
    sparsity : float in [0, 1)
        Of the factors.
    calibration : Tensor, dict of Tensors, or data set, optional
        Inputs of the network, at least 16; of a data set, 256 training examples for a closed form, and 1,024 to fit. Needed to fit,
        and for an initialisation that looks at activations.
    steps : int
        Gradient steps that fit all blocks at once to the outputs of the original's blocks; 0 is the closed form alone.
    finetune : int
        Gradient steps that fit the whole network to the original's outputs, afterwards.
    init : {"svd", "activation_aware"}
        Whether the closed form minimises the error of the weights, or the output error of the layers on the calibration inputs; by
        default the latter where there are any.
    masks : {"rigl", "gmp", "static"}
        How the positions of the nonzeros change while fitting; "gmp" starts with twice as many and prunes.
    storage : {"bitmask", "fixed_fan_in"}
        See `SharedBasisLinear`; "fixed_fan_in" keeps the same number of nonzeros for every hidden unit, at fixed positions.
    learning_rate : float
        Maximum of the cosine schedule.
    checkpoint : path, optional
        An interrupted fit resumes from this file, with the ending ``.blocks`` or ``.outputs``.
    seed : int
    progress : bool or callable (share, sentence)

    Returns
    -------
    nn.Module
        In eval mode. Its attribute `fips`, a dict with ranks, groups, size and errors, survives storing and loading.

    Raises
    ------
    ValueError
        For settings out of range, a budget below rank 1, a network without such blocks, weights that are not
        finite, calibration inputs that it does not take.
    TypeError
        For weights that are not float32 on the processor.

    References
    ----------
    Üyük et al., Learning Parameter Sharing with Tensor Decompositions and Sparsity, arXiv 2411.09816. Unlike there, bases and
    factors start from an alternating least-squares solution with its nonzeros, and blocks of a group are fitted together.

    Examples
    --------
    >>> import timm
    >>> vit = timm.create_model("vit_tiny_patch16_224", pretrained=False, depth=2)
    >>> small = fips(vit, budget=0.25, steps=0)
    >>> small.fips["ranks"]
    [153]
    """
    init = init or ("svd" if calibration is None else "activation_aware")
    _check(budget, budget_kind, rank, sparsity, steps, finetune, init, masks, storage, calibration)
    with apart(seed):
        original, mlps = _blocks(model)
        grouped = group_mlps(original, mlps, groups)
        count = EXAMPLES["to fit" if steps or finetune else "closed form"]
        inputs = None if calibration is None else check_inputs(original, calibration_inputs(calibration, count, seed))
        plan = Plan(budget, budget_kind, rank, sparsity, storage, torch.Generator().manual_seed(seed), masks == "gmp" and steps > 2)
        tell = progress if callable(progress) else _silent
        aware = inputs if init == "activation_aware" else None
        layers, report = closed_forms(original, grouped, plan, aware, lambda share, sentence: tell(CLOSED * share, sentence))
        if inputs is not None:
            fitting = _Fitting(learning_rate, seed, checkpoint, progress is True, tell)
            blocks = reached(original, [mlp for group in grouped for mlp in group], rows_of(inputs, slice(0, 256)))
            report |= _fitted(original, layers, blocks, inputs, plan, {"blocks": steps, "outputs": finetune}, masks, fitting)
        return attach_facts(replaced(model, _packed(original, layers, storage)).eval(), fips=report)


def _blocks(model: nn.Module) -> tuple[nn.Module, list[MLP]]:
    """A copy of the network with plain weights, and its feed-forward blocks of layers that a drop-in can stand for."""
    mlps = find_mlps(model)
    _check_weights(model, [path for mlp in mlps for path in mlp.paths])
    plain = select_layers(model, "mlp", POINTWISE) if mlps else {}
    original = copied(model).eval()
    for path, layer in plain.items():
        if layer is not model.get_submodule(path):  # its weight was computed, by a parametrization or a hook
            replace_layer(original, path, layer)
    return original, [mlp for mlp in mlps if all(path in plain for path in mlp.paths)]


@dataclass(frozen=True)
class _Fitting:
    """How factors are fitted, and what reports progress."""

    learning_rate: float
    seed: int
    checkpoint: str | os.PathLike | None
    progress: bool
    tell: Callable[[float, str], None]

    def place(self, kind: str) -> str | None:
        """The checkpoint of one kind of fit."""
        return None if self.checkpoint is None else f"{os.fspath(self.checkpoint)}.{kind}"


def _fitted(
    model: nn.Module,
    layers: dict[str, LearningLayer],
    blocks: list[str],
    inputs: Inputs,
    plan: Plan,
    steps: dict[str, int],
    masks: Masks,
    fitting: _Fitting,
) -> dict[str, Any]:
    """Fit the layers (in place) to the outputs of the blocks and then of the network; return the errors before and after each."""
    checked = 256 if any(steps.values()) else 32
    report: dict[str, Any] = {"closed_form": errors(model, student_of(model, layers), blocks, inputs, checked)}
    nonzeros = sum(int((layer.factor != 0).sum()) for layer in layers.values())
    if plan.prunes:
        sizes: dict[int, int] = {}  # rounded group by group, as the budget is
        for layer in layers.values():
            sizes[id(layer.base)] = sizes.get(id(layer.base), 0) + layer.factor.numel()
        nonzeros = sum(max(1, int((1 - plan.sparsity) * size)) for size in sizes.values())
    for kind, count in steps.items():
        if not count:
            continue
        if not blocks:
            raise ValueError("the calibration inputs reach no feed-forward block; give inputs that do, or steps=0 and finetune=0")
        student = student_of(model, layers)
        task = Blocks(model, student, blocks, inputs) if kind == "blocks" else Outputs(model, student, inputs)
        learn(
            task,
            layers,
            steps=count,
            nonzeros=nonzeros,
            masks="static" if plan.fixed or kind == "outputs" else masks,
            learning_rate=fitting.learning_rate,
            examples=length_of(inputs),
            seed=fitting.seed,
            checkpoint=fitting.place(kind),
            progress=fitting.progress,
            title=f"fips, {kind}",
            report=partial(_report, fitting.tell, kind),
        )
        report[f"fitted_{kind}"] = errors(model, student, blocks, inputs)
    for place in filter(None, map(fitting.place, steps)):
        checkpoints.remove(place)
    return report


def _silent(share: float, sentence: str) -> None:
    pass


def _report(tell: Callable[[float, str], None], kind: str, share: float) -> None:
    tell(CLOSED + (1 - CLOSED) * share, f"fitting {kind}")


def _check(
    budget: float,
    kind: str,
    rank: int | None,
    sparsity: float,
    steps: int,
    finetune: int,
    init: str,
    masks: str,
    storage: str,
    calibration: Any,
) -> None:
    if not 0 < budget <= 1:
        raise ValueError(f"budget must lie in (0, 1], got {budget}; 0.25 keeps a quarter of the feed-forward weights")
    if rank is not None and rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}; leave it out to have the budget decide")
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.75 drops three quarters of the factors")
    if steps < 0 or finetune < 0:
        raise ValueError(f"steps and finetune must not be negative, got {steps} and {finetune}")
    choices = (("parameters", "bytes"), ("svd", "activation_aware"), ("static", "gmp", "rigl"), STORAGES)
    names = ("budget_kind", "init", "masks", "storage")
    for name, value, allowed in zip(names, (kind, init, masks, storage), choices, strict=True):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if calibration is None and (steps or finetune or init == "activation_aware"):
        raise ValueError(
            "fitting and init='activation_aware' need calibration inputs; give calibration=, or steps=0 and init='svd'"
        )


def _check_weights(model: nn.Module, paths: Sequence[str]) -> None:
    for path in paths:
        layer = model.get_submodule(path)
        check_float32(layer, "fips")
        if not torch.isfinite(cast(Tensor, layer.weight).detach()).all():
            raise ValueError(f"the weight of {path} is not finite everywhere; compress the network from before it diverged")


def _packed(model: nn.Module, layers: dict[str, LearningLayer], storage: Storage) -> dict[str, nn.Module]:
    """The layers as they are stored, with one base per group; what was frozen stays frozen, a base if all its weights were."""
    bases: dict[int, nn.Parameter] = {}
    trained: dict[int, bool] = {}
    packed: dict[str, nn.Module] = {}
    for path, layer in layers.items():
        old: Any = model.get_submodule(path)
        base = bases.setdefault(id(layer.base), nn.Parameter(layer.base.detach().clone()))
        bias = None if layer.bias is None else layer.bias.detach()
        factor = layer.factor.detach().t()
        new = (
            SharedBasisConv(base, factor, bias, widens=layer.widens, storage=storage, spatial=layer.spatial)
            if layer.spatial
            else SharedBasisLinear(base, factor, bias, widens=layer.widens, storage=storage)
        )
        trained[id(base)] = trained.get(id(base), False) or old.weight.requires_grad
        for name, parameter in new.named_parameters():
            if parameter is not base:
                parameter.requires_grad_(old.bias.requires_grad if name.endswith("bias") else old.weight.requires_grad)
        packed[path] = new
    for base in bases.values():
        base.requires_grad_(trained[id(base)])
    return packed


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return fips(model, calibration=data, seed=seed, progress=progress or False, **settings)


register(
    Method(
        name="fips",
        title="FiPS (shared bases, sparse factors)",
        paper="Üyük et al., Learning Parameter Sharing with Tensor Decompositions and Sparsity, arXiv 2411.09816",
        apply=_apply,
        params={
            "budget": Param(0.05, 0.75, default=0.25, step=0.05, help="fraction of the feed-forward weights that remains"),
            "sparsity": Param(0.0, 0.95, default=0.75, step=0.05, help="fraction of zeros in the factors"),
            "groups": Param(1, 12, default=4, step=1, help="blocks that share a basis"),
            "steps": Param(
                0, 5000, default=0, step=100, help="of fitting to the original's activations; 0: closed form", live=False
            ),
            "budget_kind": BUDGET_KIND,
        },
        needs="calibration",
        help="Lets the feed-forward blocks of a transformer share a few basis vectors; each block keeps a sparse mixture of them.",
        diagnose=lambda small: {"sharing": sharing(small)},
        tables={"sharing": "shared_bases"},
        speed="slower than dense at batch 1: two products for each layer",
    )
)
