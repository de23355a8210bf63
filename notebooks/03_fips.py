# %% [markdown]
# # Shared bases: one dictionary for many layers
#
# **Question.** [Notebook 01](01_condensed_sparsity.ipynb) compressed every layer by itself. But the blocks of a transformer
# have equal shapes and similar tasks. Do their weights have something in common that could be stored once?
#
# **Method.** FiPS (Üyük et al., [Learning Parameter Sharing with Tensor Decompositions and Sparsity](https://arxiv.org/abs/2411.09816)):
# the feed-forward layers of several blocks share one *basis*, and each layer keeps a *sparse factor*.

# %%
import threading

import ipywidgets as widgets
import numpy as np
import pandas as pd
import torch

from labkit import audit, compress, data, figures, live, models
from labkit.compress import theory
from labkit.compress.methods.fips.fit import errors
from labkit.compress.mlps import find_mlps
from labkit.training import accuracy, predict

from controls import facts, follow, live_choice, live_figure, live_slider, page, results, side_by_side

page()

# %% [markdown]
# ## 1. Where the weights of a transformer are
#
# A block has two parts: attention, which mixes information between the patches of an image, and a *feed-forward* part
# that transforms each patch: a linear layer that widens, `fc1`, an activation, and one that narrows again, `fc2`.
# `find_mlps` finds these layers by their shapes:

# %%
model, dataset = models.load("vit_fashion"), data.load("fashion_mnist")
blocks = find_mlps(model)
paths = [path for block in blocks for path in block.paths]
layers = {path: model.get_submodule(path) for path in paths}
weights = sum(layer.weight.numel() for layer in layers.values())
every = sum(parameter.numel() for parameter in model.parameters())
print(f"{len(blocks)} blocks such as {blocks[0]}: {weights:,} weights, {weights / every:.0%} of all parameters")

# %% [markdown]
# ## 2. The factorization
#
# `fc1` has one row for each hidden unit, `fc2` one column. Transpose `fc1`, and both have the shape $d \times p$: width of
# the network by number of hidden units. Matrices of several blocks are put side by side and factorized together:
#
# $$[\,W_1 \;|\; W_2 \;|\; W_3 \;|\; W_4 \,] \;\approx\; U\,[\,V_1 \;|\; V_2 \;|\; V_3 \;|\; V_4\,].$$
#
# The basis $U$, of shape $d \times r$, is stored once; of each factor $V_i$, of shape $r \times p$, only the nonzeros are.
# Here are two blocks, drawn to scale, at a quarter of their parameters:

# %%
width, hidden = layers[paths[0]].in_features, layers[paths[0]].out_features


def oriented(weight):
    """The weight as d by p matrix."""
    return weight.detach() if len(weight) == width else weight.detach().T


matrices = {path: oriented(layer.weight) for path, layer in layers.items()}
apart = live_figure()


def factorize(sparsity):
    small = compress.fips(model, budget=0.25, sparsity=sparsity, groups=[[0, 1]])
    shared = {path: small.get_submodule(path) for path in paths[:4]}
    factors = {path: layer.factor.dense().detach().T.numpy() for path, layer in shared.items()}
    pairs = {path.removeprefix("blocks."): (matrices[path].numpy(), factor) for path, factor in factors.items()}
    basis, title = shared[paths[0]].base.detach().numpy(), f"{1 - sparsity:.0%} of the entries of V are nonzero"
    figures.redraw(apart, figures.factor_tiles(pairs, basis=basis, title=title))


widgets.VBox([live_slider("sparsity of the factors", [0, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9], 0.75, factorize), apart])

# %% [markdown]
# **What to look at:** weights above, factors below; positive is green, negative violet. At sparsity 0 the factors have few
# rows and $U$ is narrow. Drag to the right: for the same number of parameters the rank grows while each column of $V$ has
# fewer nonzeros, until $U$ is wider than high: no longer a basis, but an overcomplete *dictionary*.

# %% [markdown]
# ## 3. Is there anything to share?
#
# The squared error of the best approximation of rank $r$ is the sum of the squared singular values beyond the first $r$;
# those of matrices side by side follow from $W W^\top = \sum_i W_i W_i^\top$. Two baselines: *noise*, a random matrix, and
# the same blocks, each *rotated* at random, which removes the directions that blocks have in common and nothing else.

# %%
pairs = [[matrices[path] for path in block.paths] for block in blocks]
turned = theory.rotated(pairs)
groups = {"one matrix": [pairs[0][:1]], "1 block": pairs[:1], "2 blocks": pairs[:2], "4 blocks": pairs[:4]}
groups |= {"8 blocks": pairs, "8, rotated": turned}
groups["noise"] = [[torch.randn(width, hidden, generator=torch.Generator().manual_seed(0))]]
spectrum = {name: theory.joint_singular_values([m for pair in some for m in pair]) for name, some in groups.items()}
spectrum = pd.DataFrame(spectrum)

sizes, lost = live_figure(), live_figure()
for shown, what in ((sizes, "values"), (lost, "lost")):
    figures.redraw(shown, figures.spectra(spectrum, what=what, guides=["8, rotated", "noise"]))
side_by_side(sizes, lost)

# %% [markdown]
# **What to look at:** on the right, the error at a quarter and at half of the full rank. The trained matrix lies below
# noise, but far above zero: *low rank alone* has a large error. With more blocks the error rises a little, with rotated
# ones much more: the blocks *have something in common*. The curves bend early: a few directions are large and shared; the
# many small ones are left to the sparse factors.

# %% [markdown]
# ## 4. What sharing gains as groups grow
#
# Larger groups need fewer bases, so the same budget allows a higher rank; but one basis then has to fit more blocks. With
# $n$ blocks per basis, two matrices each, sparsity $s$, and a budget of the fraction $B$ of the parameters,
# $r = 2np\,dB \,/\, (2np\,(1-s) + d)$. We measure the error of the *weights*, and that of the *outputs of the blocks* on
# training images, for closed-form solutions (no training) at a small budget:

# %%
images = compress.calibration_inputs(dataset, 256)  # of the training part
judges = dataset.test.subset(np.arange(1000))


def grouped(sparsity, count):
    small = compress.fips(model, budget=0.05, groups=count, sparsity=sparsity, calibration=images, init="svd")
    fitted = {path: oriented(small.get_submodule(path).to_dense().weight) for path in paths}
    return {
        "rank": small.fips["ranks"][0],
        "error of the weights (%)": 100 * theory.relative_error(matrices, fitted),
        "error of the blocks (%)": 100 * small.fips["closed_form"]["blocks"],
        "accuracy (%)": 100 * accuracy(small, judges.subset(np.arange(500))),
    }


gains = {(s, str(n)): grouped(s, n) for s in (0, 0.75, 0.9) for n in (1, 2, 4, 8)}
gains = pd.DataFrame(gains).T.rename_axis(["sparsity", "blocks"])
figures.panels(gains, kind="lines+markers", x_label="blocks per basis")

# %% [markdown]
# **What to look at:** follow one colour from left to right.
#
# - *Rank*: the sparser the factors, the larger the part of the budget that bases take, and the more sharing them gains.
# - *Errors* (squared, relative): where the rank hardly grows, larger groups only have more to fit; where it grows much,
#   the error falls. **Sharing pays where factors are sparse.**
# - *Accuracy* is of 500 test images: a difference of a point or two may be chance.

# %% [markdown]
# ## 5. What is counted, and what is stored
#
# The paper counts parameters: bases once, and nonzeros. But the *positions* of nonzeros have to be stored too. labkit has
# two formats: `bitmask`, one bit per entry of a factor, and `fixed_fan_in`, an index of two bytes per nonzero. The larger
# the values, the less the positions matter:

# %%
rank_figure, bytes_figure = live_figure(), live_figure()
sparsities = np.arange(0, 96) / 100
VALUE_BYTES = {"float32": 4, "float16": 2}


def count(budget, number):
    group = (width, [hidden] * 8, budget, sparsities)  # four blocks
    ranks = theory.ranks_of_budget(*group, value_bytes=VALUE_BYTES[number])
    stored = theory.bytes_of_budget(*group, value_bytes=VALUE_BYTES[number])
    figures.redraw(rank_figure, figures.lines(ranks, y_label="rank, by what is counted", limits={"width d": width}))
    limits = {"budget": 100 * budget}
    figures.redraw(bytes_figure, figures.lines(stored, y_label="bytes of the dense weights (%)", limits=limits))


budget_slider = live_slider("budget", np.arange(5, 76, 5) / 100, 0.25, lambda value: count(value, "float32"))
number = live_choice(VALUE_BYTES, lambda name: count(budget_slider.value, name))
budget_slider.observe(lambda move: count(move["new"], number.value), "value")
widgets.VBox([number, budget_slider, side_by_side(rank_figure, bytes_figure)])

# %% [markdown]
# **What to look at:** on the left, the rank that a budget of parameters allows, and that of a budget of bytes. On the
# right, the bytes at the rank of the parameter budget: how far beyond the budget are they at the paper's sparsity of three
# quarters? Then choose `float16`. From which sparsity on are indices smaller than bits? (The zigzag is rounding.)
#
# From here on a budget counts **bytes**, positions included.
#
# ## 6. Budget, sparsity and group size, live
#
# Rank and bytes appear at once; then a closed form that minimises the error of the *weights*; then an *activation-aware*
# one, which minimises the error of the outputs of the layers on the training images, and takes longer.

# %%
latest, now, tried = live.Latest(), {}, []
before = predict(model, judges)
uncompressed = float((before.argmax(1) == judges.labels).mean())
INITS = {"svd": "weights", "activation_aware": "activation-aware"}
turns = {init: threading.Lock() for init in INITS}


def answers(cancel, budget, sparsity, groups):
    """First what is known without a network, then an answer after each closed form; stops when cancelled."""
    group, setting = (width, [hidden] * 2 * groups), (budget, sparsity, groups)
    rank = int(theory.ranks_of_budget(*group, budget, [sparsity])["bytes, bitmask"].item())
    share = theory.bytes_of_rank(*group, rank, sparsity)  # of the feed-forward weights
    answer = {"setting": setting, "rank": rank, "share": share, "audits": {}, "table": None}
    yield answer
    for init in INITS:
        with turns[init]:  # intermediate values of a slider that is dragged are skipped
            if cancel.wait(0.05):
                return
            options = {"budget_kind": "bytes", "calibration": images, "init": init}
            small = compress.fips(model, budget=budget, sparsity=sparsity, groups=groups, **options)
            if cancel.is_set():
                return
            found = audit.audit(small, judges, reference=model, reference_logits=before, cost=False).summary
        answer = answer | {"audits": answer["audits"] | {init: found}, "table": compress.sharing(small)}
        yield answer


# %%
numbers, who_shares, over_bytes = widgets.HTML(), live_figure(), live_figure()


def ask(**change):
    now.update(change)
    if len(now) == 3:  # the controls are created one after another
        latest.ask(tuple(now.items()), lambda cancel, wanted=dict(now): answers(cancel, **wanted))


def show(answer):
    cards = {"rank": (f"{answer['rank']}", f"of {width} for a single matrix")}
    cards["bytes"] = (f"{100 * answer['share']:.1f} %", "of the feed-forward weights")
    for init, title in INITS.items():
        found = [line for line in audit.headlines(answer["audits"].get(init, {})) if line.key == "accuracy"]
        cards[f"accuracy ({title})"] = (found[0].value, found[0].delta) if found else ("…", "")
    numbers.value = facts(cards)
    for init, found in answer["audits"].items():
        label = "budget {:g}, sparsity {:g}, {} blocks".format(*answer["setting"])
        row = (100 * answer["share"], found["accuracy"], INITS[init], label)
        tried[:] = [*(one for one in tried if one != row), row]
    if answer["table"] is not None:
        figures.redraw(who_shares, figures.shared_bases(answer["table"]))
        table = pd.DataFrame(tried, columns=["x", "accuracy", "series", "label"])
        drawn = figures.tried_settings(table, x_label="feed-forward bytes left (%)", reference=uncompressed)
        figures.redraw(over_bytes, drawn.update_layout(height=who_shares.layout.height))


def tell(answer):
    waiting = [title for init, title in INITS.items() if init not in answer["audits"]]
    return f"computing: {waiting[0]}" if waiting else f"{len(judges):,} test images"


groups = live_choice(["1", "2", "4", "8"], lambda text: ask(groups=int(text)))
groups.description, groups.style.description_width, groups.value = "blocks per basis", "initial", "4"
budgets = [0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4]
budget = live_slider("budget", budgets, 0.1, lambda value: ask(budget=value))
sparsity = live_slider("sparsity of the factors", np.arange(0, 19) / 20, 0.75, lambda value: ask(sparsity=value))
latest.wait(30)  # so that both figures exist when they are displayed
line = follow(latest, show, tell)
widgets.VBox([groups, budget, sparsity, numbers, line, side_by_side(who_shares, over_bytes)])

# %% [markdown]
# **What to look at:** on the left, one colour per group, its basis above the blocks that use it; grey bars are the bytes
# before compression. On the right, lower the budget until the accuracy drops, and try to regain it with sparsity and group
# size. Which closed form is better? Compare the intervals on the cards. The activation-aware one has a much smaller error
# of the *blocks*; that of the *network* is another matter, as the next section shows.

# %% [markdown]
# ## 7. A short fit, and two kinds of error
#
# FiPS starts with a closed form and then fits: each block gets the input of the *original* block and is trained to give
# its output, without the errors of earlier blocks that it will see in the compressed network. So there are two errors: of
# the **blocks**, each on the original's inputs, and of the **outputs** of the network. A few steps of either fit, from the
# same start, evaluated on validation images:

# %%
tiny = {"budget": 0.03, "sparsity": 0.75, "calibration": images}
fits = {"closed form": {}, "blocks fitted": {"steps": 24}, "outputs fitted": {"finetune": 16}}
fresh, rows = dataset.validation.inputs(slice(256)), {}
for name, steps in fits.items():
    small = compress.fips(model, **tiny, **steps)
    found = errors(model, small, [block.name for block in blocks], fresh) | {"accuracy": accuracy(small, judges)}
    rows[name] = {f"{what} (%)": 100 * found[what] for what in ("blocks", "outputs", "accuracy")}
figures.panels(pd.DataFrame(rows).T, kind="bars", columns=3)

# %% [markdown]
# **What to look at:** errors of blocks and outputs, then accuracy. Fitting blocks improves the blocks. Does it improve the
# network? What does fitting outputs do to the blocks? Hundreds of steps are usual; see the end of section 8.

# %% [markdown]
# ## 8. Comparison with other methods, at equal bytes
#
# All of these spend the same bytes on the same layers, positions included, without training:

# %%
bytes_budget, from_bytes = 0.08, {"layers": "mlp", "unit": "bytes"}
shared = {"budget": bytes_budget, "budget_kind": "bytes", "calibration": images}
rivals = {
    "low rank": lambda: compress.low_rank(model, budget=bytes_budget, **from_bytes),
    "low rank, activation-aware": lambda: compress.low_rank(
        model, budget=bytes_budget, calibration=images, **from_bytes
    ),
    "magnitude": lambda: compress.magnitude(model, budget=bytes_budget, **from_bytes),
    "shared basis, dense factors": lambda: compress.fips(model, sparsity=0, **shared),
    "FiPS, one block per basis": lambda: compress.fips(model, sparsity=0.75, groups=1, **shared),
    "FiPS, four blocks": lambda: compress.fips(model, sparsity=0.75, **shared),
}
KEYS = {"accuracy_change": "value", "accuracy_change_low": "low", "accuracy_change_high": "high"}
changes = {}
for name, make in rivals.items():
    found = audit.audit(make(), judges, reference=model, reference_logits=before, cost=False).summary
    changes[name] = 100 * found[list(KEYS)].astype(float)
figures.intervals(pd.DataFrame(changes).T.rename(columns=KEYS), label="change in accuracy", unit="pp")

# %% [markdown]
# **What to look at:** 0 is the uncompressed network. What does sparsity gain, and what does sharing add? An interval that
# contains the dot of another leaves open which of the two is better. Try another `bytes_budget`.
#
# `benchmarks/fips.py` measures more budgets, fitted networks with several seeds, and a sentence encoder:

# %%
KINDS = {", activation-aware": "activation-aware", ", fitted": "fitted", "": "weights"}
Y_LABELS = {"vit_fashion": "test accuracy (%)", "minilm": "rank correlation with WordNet (%)"}
lines, columns = live_figure(), ["what", "network", "method", "budget", "seed", "quality", "dense"]
benchmark = results("fips", columns).query("what == 'quality' and quality == quality")


def draw(network):
    rows = benchmark[benchmark["network"] == network]
    cells = audit.over_seeds(rows, ["method", "budget"], "quality")
    parts = cells["method"].str.extract(r"(?P<family>.*?)(?P<kind>, activation-aware|, fitted|)$")
    cells = cells.assign(family=parts["family"], kind=parts["kind"].map(KINDS))
    drawn = figures.budget_quality(cells, y_label=Y_LABELS.get(network, network), reference=rows["dense"].iloc[0])
    figures.redraw(lines, drawn)


widgets.VBox([live_choice(benchmark["network"].unique(), draw), lines])

# %% [markdown]
# **What to look at:** one colour per family; the line style tells apart closed forms by weights, activation-aware ones and
# fitted networks (hover to see which). Where bytes are few, which lines meet? Whiskers are 95 % intervals over seeds.

# %% [markdown]
# ## 9. Limits
#
# - **Bytes are saved, time is not certain**: every layer multiplies by the basis again, and a bitmask is unpacked.
# - **Attention remains**, and this is a small network on easy images: larger ones on harder data tolerate less.
# - **Closed form first**: the paper prunes while it fits; labkit selects nonzeros by saliency and least squares before.
#
# **Try it:**
#
# - Section 4 with `groups=[[0, 7], [1, 6], [2, 5], [3, 4]]`: must blocks that share be neighbours?
# - On the command line: `labkit compress --model vit_fashion --method fips --set budget=0.1 --set groups=8`.
# - `make app`, page *Live*, for your own network and data. Back to [the tour](00_tour.ipynb).
