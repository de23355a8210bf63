# %% [markdown]
# # Shared bases: one dictionary for many layers
#
# **The question.** [Notebook 01](01_condensed_sparsity.ipynb) made every layer smaller by itself. But the blocks of a
# transformer have the same shape and do alike things one after another. Do their weights have something in common that need
# not be stored once for each of them?
#
# **The answer tried here** is FiPS, by Üyük et al.
# ([Learning Parameter Sharing with Tensor Decompositions and Sparsity](https://arxiv.org/abs/2411.09816)):
# the feed-forward layers of several blocks share one *basis*, and each keeps a *sparse factor* that says how to mix it.

# %%
import json
import threading
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from labkit import audit, compress, data, figures, live, models
from labkit.compress.methods.fips.budget import rank_for, size_of
from labkit.compress.methods.fips.fit import errors
from labkit.compress.mlps import find_mlps
from labkit.training import accuracy, predict

from controls import cards, follow, live_choice, live_figure, live_slider, page, side_by_side

page()

# %% [markdown]
# ## 1. Where the weights of a transformer are
#
# A block of a transformer has two parts: attention, which lets the pieces of an image look at one another, and a
# *feed-forward* part that works on each piece alone. The latter is a linear layer that widens, `fc1`, an activation, and a
# linear layer that narrows again, `fc2`. `find_mlps` finds them by their shapes:

# %%
model, dataset = models.load("vit_fashion"), data.load("fashion_mnist")
blocks = find_mlps(model)
print(blocks[0])

paths = [path for block in blocks for path in block.paths]
layers = {path: model.get_submodule(path) for path in paths}
all_weights = sum(parameter.numel() for parameter in model.parameters())
weights = sum(layer.weight.numel() for layer in layers.values())
print(
    f"{len(blocks)} blocks; {weights:,} of {all_weights:,} parameters are feed-forward weights: {weights / all_weights:.0%}"
)

# %% [markdown]
# So this is where saving pays. Attention, embeddings and the head stay as they are in all that follows.
#
# ## 2. The picture: side by side, and taken apart
#
# `fc1` has a row for each hidden unit, `fc2` a column. Turn `fc1` over, and both have the shape $d \times p$: the width of
# the network times the number of hidden units. Matrices of the same height can stand side by side, those of several blocks
# too, and be taken apart together:
#
# $$[\,W_1 \;|\; W_2 \;|\; W_3 \;|\; W_4 \,] \;\approx\; U\,[\,V_1 \;|\; V_2 \;|\; V_3 \;|\; V_4\,].$$
#
# $U$, of shape $d \times r$, is the shared basis, kept once. Each matrix keeps its own factor $V_i$, of shape
# $r \times p$. If a factor is sparse, only its links are kept. Here are two real blocks, everything drawn to scale, and
# a quarter of their weights to spend:

# %%
width, hidden = model.blocks[0].mlp.fc1.in_features, model.blocks[0].mlp.fc1.out_features


def oriented(layer):
    """The weight with the short side first."""
    weight = layer.weight.detach()
    return weight if len(weight) == width else weight.T


matrices = {path: oriented(layer) for path, layer in layers.items()}
EVERY = 4  # of so many hidden units one is drawn
BELOW_ABOVE = [figures.COLOURS[1], "#FFFFFF", figures.COLOURS[0]]  # below zero, zero, above


def tile(matrix, left, top, across, name):
    """A heat map that begins at (left, top), `across` units a column; its colours are full at twice the usual size."""
    z = matrix.numpy()
    limit = 2 * z[z != 0].std()
    look = {"colorscale": BELOW_ABOVE, "zmin": -limit, "zmax": limit, "showscale": False, "hoverinfo": "name"}
    z = z.astype(np.float16).astype(np.float32)
    return go.Heatmap(z=z, x0=left + across / 2, dx=across, y0=top + 0.5, dy=1, name=name, **look)


def label(drawn, left, top, text):
    drawn.add_annotation(
        x=left, y=top - 6, text=text, showarrow=False, xanchor="left", yanchor="bottom", font_size=12
    )


def taken_apart(sparsity):
    small = compress.fips(model, budget=0.25, sparsity=sparsity, groups=[[0, 1]])
    shared, below = [small.get_submodule(path) for path in paths[:4]], width + 70
    rank = shared[0].rank
    drawn = go.Figure(tile(shared[0].base.detach(), -rank - 40, below, 1, "U"))
    label(drawn, -rank - 40, below, "<b>U</b>")
    for turn, (path, layer) in enumerate(zip(paths[:4], shared, strict=True)):
        left, (_, block, _, name) = turn * (hidden + 20), path.split(".")
        drawn.add_trace(tile(matrices[path][:, ::EVERY], left, 0, EVERY, path))
        drawn.add_trace(tile(layer.factor.dense().detach().T[:, ::EVERY], left, below, EVERY, f"V{turn + 1}"))
        turned = "ᵀ" if name == "fc1" else ""
        label(drawn, left, 0, f"<b>W<sub>{turn + 1}</sub></b> {name}{turned}<br>block {block}")
        label(drawn, left, below, f"<b>V<sub>{turn + 1}</sub></b>")
    drawn.update_xaxes(visible=False, range=[-260, 4 * (hidden + 20)], fixedrange=True)
    drawn.update_yaxes(visible=False, range=[below + 200, -60], fixedrange=True)
    title = {
        "text": f"<b>rank {rank}</b>, links in {1 - sparsity:.0%} of V",
        "font_size": 14,
        "x": 0,
        "xref": "paper",
    }
    figures.redraw(apart, drawn.update_layout(template=figures.template(), height=430, title=title))


apart = live_figure()
widgets.VBox([live_slider("sparsity of the factors", [0, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9], 0.75, taken_apart), apart])

# %% [markdown]
# **What to look at:** above are the weights, below what takes their place; blue is above zero, orange below. Drag to the
# left: without zeros, the factors are few rows and $U$ is a thin strip. Drag to the right: for the same number of parameters
# there are more and more rows, with fewer and fewer links, until $U$ is wider than high. It is then no longer a basis in
# the strict sense but a *dictionary* with more words than dimensions, of which each hidden unit takes a few.

# %% [markdown]
# ## 3. Is there anything to share?
#
# The singular values of a matrix tell how much each of its directions weighs; what is left beyond the first $r$ is
# exactly what the best approximation of rank $r$ loses. Those of matrices side by side come from a small $d \times d$
# matrix, $W W^\top = \sum_i W_i W_i^\top$, however many there are.
#
# Two things to compare with. *Noise*: a matrix of random numbers, as wide as one of them. And the same blocks, each *turned* at random: that changes no
# singular value of a block by itself, but takes away whatever directions they have in common.

# %%
random = torch.Generator().manual_seed(0)


def singular_values(some):
    gram = sum(matrix.double() @ matrix.double().T for matrix in some)
    return torch.linalg.eigvalsh(gram).flip(0).clamp(min=0).sqrt().numpy()


def of_blocks(count):
    """Matrices of the first blocks, two each."""
    return [matrices[path] for path in paths[: 2 * count]]


turns = [torch.linalg.qr(torch.randn(width, width, generator=random)).Q for _ in blocks]
turned = [turns[place // 2] @ matrix for place, matrix in enumerate(of_blocks(len(blocks)))]
spectrum = {"one matrix": singular_values(of_blocks(1)[:1])}
for count in (1, 2, 4, 8):
    spectrum[f"{count} block{'s' * (count > 1)}"] = singular_values(of_blocks(count))
spectrum["8, turned"] = singular_values(turned)
spectrum["noise"] = singular_values([torch.randn(width, hidden, generator=random)])
spectrum = pd.DataFrame(spectrum)

sizes, lost = live_figure(), live_figure()
for shown, what in ((sizes, "values"), (lost, "lost")):
    figures.redraw(shown, figures.spectra(spectrum, what=what, guides=list(spectrum.columns[-2:])))
side_by_side(sizes, lost)

# %% [markdown]
# **What to look at:** on the right, how much is lost at a rank of a quarter or half of the full one.
#
# - The trained matrix lies below noise: some directions matter more. But it does not drop to zero early: *low rank alone
#   must lose much*.
# - Each doubling of the blocks raises the line a little, for one basis must serve them all. Turned at random they would need
#   far more: the distance between the two is what the blocks *have in common*.
# - The lines of trained blocks bend early: a few directions are large and shared, many are small and each block's own. The
#   sparse factors will have to take care of those.

# %% [markdown]
# ## 4. What sharing buys as groups grow
#
# Larger groups pay for fewer bases, so the same budget buys a higher rank. On the other hand one basis then serves more
# blocks. Which one wins? The rank is arithmetic: with $n$ blocks to a basis, two matrices each, sparsity $s$ and a budget of
# the share $B$ of the parameters,
#
# $$r = \frac{2np \cdot d \cdot B}{2np\,(1-s) + d}.$$
#
# The errors are measured: of the *weights*, and of what the blocks *give* for a few training images. Everything comes from a
# closed form, without a step of training. The budget is small on purpose, so that there is something to lose.

# %%
images = compress.calibration_inputs(dataset, 256)  # of the training part
judges = dataset.test.subset(np.arange(1000))
few, small_budget = judges.subset(np.arange(500)), 0.05


def weights_lost(small):
    """Share of the squared norm of the feed-forward weights."""
    gaps = [
        (oriented(small.get_submodule(path).to_dense()) - matrix).square().sum() for path, matrix in matrices.items()
    ]
    return float(sum(gaps) / sum(matrix.square().sum() for matrix in matrices.values()))


def grouped(groups, sparsity):
    small = compress.fips(
        model, budget=small_budget, groups=groups, sparsity=sparsity, calibration=images, init="svd"
    )
    return {
        "rank": small.fips["ranks"][0],
        "weights lost (%)": 100 * weights_lost(small),
        "blocks off (%)": 100 * small.fips["closed_form"]["blocks"],
        "accuracy (%)": 100 * accuracy(small, few),
    }


together, some_sparsities = [1, 2, 4, 8], [0, 0.75, 0.9]
found = {(s, n): grouped(n, s) for s in some_sparsities for n in together}
gains = pd.DataFrame(found).T.rename_axis(["sparsity", "groups"])

drawn = make_subplots(2, 2, subplot_titles=list(gains.columns), horizontal_spacing=0.1, vertical_spacing=0.13)
for turn, sparsity in enumerate(some_sparsities):
    for place, what in enumerate(gains.columns):
        line = {"color": figures.COLOURS[turn]}
        drawn.add_scatter(
            x=[str(n) for n in together],
            y=gains.loc[sparsity, what],
            name=f"sparsity {sparsity:g}",
            line=line,
            showlegend=not place,
            row=place // 2 + 1,
            col=place % 2 + 1,
        )
drawn.update_xaxes(type="category")
drawn.update_xaxes(title_text="blocks to a basis", row=2)
drawn.update_layout(template=figures.template(), height=620, legend_y=1.06)

# %% [markdown]
# **What to look at:** follow one colour from left to right.
#
# - *Rank*: the sparser the factors, the more of the budget bases take, and the more sharing them buys. Without zeros it
#   buys next to nothing.
# - *Errors*: where the rank hardly grows, a larger group only has more to serve, and the error ends higher than it began.
#   Where the rank grows a lot, the error falls. In between, the two nearly cancel. **Sharing pays where factors are sparse.**
# - *Blocks off*: squared error of what a block gives, in per cent of its variance.
# - *Accuracy* is of the first 500 test images; a difference of a point or two may be chance.

# %% [markdown]
# ## 5. What is counted, and what is stored
#
# The paper counts parameters: bases once, and links. But whoever stores links also has to store *where they are*. labkit
# knows two ways: `bitmask` spends a bit on each place of a factor, link or not; `fixed_fan_in` spends an index of two bytes
# on each link. Both come on top. The larger the values, the less it matters, so choose:

# %%
rank_figure, bytes_figure = live_figure(), live_figure()
sparsities = np.arange(0, 96) / 100
shapes = [hidden] * 8  # two matrices each, of four blocks
STORED = {"bitmask": figures.COLOURS[0], "fixed_fan_in": figures.COLOURS[1]}
VALUE_BYTES = {"float32": 4, "float16": 2}


def rank_at(budget, sparsity, **counted):
    """The rank, or a gap where not even rank 1 fits."""
    try:
        return rank_for(width, shapes, budget, sparsity, **counted)
    except ValueError:
        return np.nan


def stored_share(budget, sparsity, storage, value_bytes):
    """Bytes, in per cent of the dense weights', at the rank that counting parameters allows."""
    rank = rank_at(budget, sparsity)
    return (
        100
        * size_of(width, shapes, rank, sparsity, "bytes", storage, value_bytes)
        / (width * sum(shapes) * value_bytes)
    )


def count(budget, number):
    size = VALUE_BYTES[number]
    ranks, stored = go.Figure(), go.Figure()
    ranks.add_scatter(
        x=sparsities, y=[rank_at(budget, s) for s in sparsities], name="parameters", line_color="#222222"
    )
    for storage, colour in STORED.items():
        by_bytes = {"kind": "bytes", "storage": storage, "value_bytes": size}
        line = [rank_at(budget, s, **by_bytes) for s in sparsities]
        ranks.add_scatter(x=sparsities, y=line, name=f"bytes, {storage}", line_color=colour)
        line = [stored_share(budget, s, storage, size) for s in sparsities]
        stored.add_scatter(x=sparsities, y=line, name=storage, line_color=colour)
    stored.add_hline(
        y=100 * budget, line_dash="dot", annotation_text="the budget", annotation_position="bottom right"
    )
    ranks.add_hline(y=width, line_dash="dot", annotation_text="width d", annotation_position="top left")
    ranks.update_yaxes(title_text="rank that the budget buys", rangemode="tozero")
    stored.update_yaxes(title_text="bytes at the budget of parameters (%)", rangemode="tozero")
    for shown, drawn in ((rank_figure, ranks), (bytes_figure, stored)):
        drawn.update_layout(template=figures.template(), height=380, xaxis_title="sparsity of the factors")
        figures.redraw(shown, drawn)


budget_slider = live_slider("budget", np.arange(5, 76, 5) / 100, 0.25, lambda value: count(value, "float32"))
number = live_choice(VALUE_BYTES, lambda name: count(budget_slider.value, name))
budget_slider.observe(lambda move: count(move["new"], number.value), "value")
widgets.VBox([number, budget_slider, side_by_side(rank_figure, bytes_figure)])

# %% [markdown]
# **What to look at:** on the left, the rank when parameters are counted, and when bytes are. On the right, what a network at
# the budget of parameters really takes: read off how far it overshoots at the paper's sparsity of three quarters, then switch
# to `float16`. From which sparsity on are indices cheaper than bits? The zigzag is rounding: a hidden unit has whole links.
#
# Arithmetic is worth a check against the tensors of a real network:

# %%
for storage in STORED:
    small = compress.fips(model, budget=0.25, storage=storage)
    table = compress.sharing(small)
    held = table["factor_bytes"].sum() + table.drop_duplicates("group")["base_bytes"].sum()
    by_hand = stored_share(0.25, 0.75, storage, 4)
    print(f"{storage}: {100 * held / table['dense_bytes'].sum():.2f} % counted, {by_hand:.2f} % by hand")

# %% [markdown]
# From here on a budget means **bytes**, places of links included.
#
# ## 6. All three at once
#
# Move budget, sparsity and group size. Rank and bytes are there at once; then a closed form *by weights*, which loses as
# little as can be of the weights; then one *by outputs*, which loses as little as can be of what the layers give for the
# 256 training images, and takes a little longer.

# %%
latest, now, seen = live.Latest(), {}, {}
before = predict(model, judges)
WAYS = {"svd": "by weights", "activation_aware": "by outputs"}
one_at_a_time = {way: threading.Lock() for way in WAYS}


class Answer(NamedTuple):
    setting: tuple  # budget, sparsity, groups
    rank: int
    share: float  # of the feed-forward bytes
    audits: dict  # way -> summary
    table: pd.DataFrame | None  # which layers share what


def answers(cancel, budget, sparsity, groups):
    """What is known at once, then after each closed form; stops when the slider has moved on."""
    setting, audits, table = (budget, sparsity, groups), {}, None
    sides = [hidden] * 2 * groups
    rank = rank_for(width, sides, budget, sparsity, kind="bytes")
    share = size_of(width, sides, rank, sparsity, "bytes", "bitmask", 4) / (4 * width * sum(sides))
    yield Answer(setting, rank, share, {}, None)
    for way in WAYS:
        with one_at_a_time[way]:  # while it is dragged, places that are passed by are not computed
            if cancel.wait(0.05):
                return
            small = compress.fips(
                model,
                budget=budget,
                budget_kind="bytes",
                sparsity=sparsity,
                groups=groups,
                calibration=images,
                init=way,
            )
            if cancel.is_set():
                return
            found = audit.audit(small, judges, reference=model, reference_logits=before, cost=False).summary
        table = compress.sharing(small)
        audits = {**audits, way: found}
        yield Answer(setting, rank, share, audits, table)


# %%
numbers, who_shares, over_bytes = widgets.HTML(), live_figure(), live_figure()


def ask(**change):
    now.update(change)
    if len(now) == 3:  # the controls come on the page one after another
        latest.ask(tuple(now.items()), lambda cancel, wanted=dict(now): answers(cancel, **wanted))


def said(answer, way):
    """Value and change of a card."""
    if way not in answer.audits:
        return "…", ""
    line = next(line for line in audit.headlines(answer.audits[way]) if line.key == "accuracy")
    return line.value, line.delta


def places():
    """Accuracy over bytes of all that was asked for so far; what was asked for last is large."""
    drawn = go.Figure()
    for turn, (way, title) in enumerate(WAYS.items()):
        known = [answer for answer in seen.values() if way in answer.audits]
        drawn.add_scatter(
            x=[100 * answer.share for answer in known],
            y=[100 * answer.audits[way]["accuracy"] for answer in known],
            name=title,
            mode="markers",
            marker={
                "color": figures.COLOURS[turn],
                "size": [7] * (len(known) - 1) + [15],
                "symbol": ["circle", "diamond"][turn],
            },
            text=["budget {:g}, sparsity {:g}, {} blocks".format(*answer.setting) for answer in known],
            hovertemplate="%{text}: %{y:.1f} %<extra></extra>",
        )
    uncompressed = 100 * float((before.argmax(1) == judges.labels).mean())
    drawn.add_hline(y=uncompressed, line_dash="dot", annotation_text="uncompressed", annotation_position="top right")
    drawn.update_xaxes(title_text="feed-forward bytes left (%)", range=[0, 42])
    lowest = min(min(trace.y, default=uncompressed) for trace in drawn.data)
    drawn.update_yaxes(title_text="accuracy (%)", range=[lowest - 2, uncompressed + 2])
    return drawn.update_layout(template=figures.template())


def show(answer):
    facts = {
        "rank": (f"{answer.rank}", f"of {width} for a single matrix"),
        "bytes": (f"{100 * answer.share:.1f} %", "of the feed-forward weights"),
        **{f"accuracy {title}": said(answer, way) for way, title in WAYS.items()},
    }
    numbers.value = cards([audit.Headline(key, key, *texts, "neutral", key) for key, texts in facts.items()])
    seen.pop(answer.setting, None)
    seen[answer.setting] = answer
    if answer.table is not None:
        figures.redraw(who_shares, figures.shared_bases(answer.table))
        figures.redraw(over_bytes, places().update_layout(height=who_shares.layout.height))


def tell(answer):
    waiting = [title for way, title in WAYS.items() if way not in answer.audits]
    return f"working on: {waiting[0]}" if waiting else f"{len(judges):,} test images"


groups = live_choice(["1", "2", "4", "8"], lambda text: ask(groups=int(text)))
groups.description, groups.style.description_width, groups.value = "blocks to a basis", "initial", "4"
budgets = [0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4]
budget = live_slider("budget", budgets, 0.1, lambda value: ask(budget=value))
sparsity = live_slider("sparsity of the factors", np.arange(0, 19) / 20, 0.75, lambda value: ask(sparsity=value))
latest.wait(30)  # so that both figures are there when they come on the page
line = follow(latest, show, tell)
widgets.VBox([groups, budget, sparsity, numbers, line, side_by_side(who_shares, over_bytes)])

# %% [markdown]
# **What to look at:**
#
# - *Left*: each colour is a group; its basis stands above the blocks that use it. The grey bar is what a block took before. Make
#   the groups larger, and see bases become fewer and longer.
# - *Right*: go down with the budget until the accuracy gives way. Then try to win it back with sparsity, and with the
#   size of the groups. Where is the best place, and is it the same at another budget?
# - Which closed form is better? Compare the intervals on the cards before you believe a difference. By outputs, *blocks*
#   are much nearer to the original's; how far the *network* is off is another matter, as the next section shows.

# %% [markdown]
# ## 7. A short fit, and two kinds of error
#
# A closed form is where FiPS starts. Then it fits: every block gets the input that the *original's* block gets, and is to
# give what that one gives. All blocks learn at once, and none has to live with the errors of those before it. A compressed
# network has to, however. So there are two errors, and it is easy to report the one that looks better:
#
# - of the **blocks**, each on the original's inputs;
# - of the **outputs**, from end to end.
#
# A few steps of each kind of fit, from the same start, judged on validation images that none of them has seen:

# %%
tiny = {"budget": 0.03, "sparsity": 0.75, "calibration": images}
fits = {"closed form": {}, "blocks fitted": {"steps": 24}, "outputs fitted": {"finetune": 16}}
fitted = {name: compress.fips(model, **tiny, **steps) for name, steps in fits.items()}

# %%
fresh = dataset.validation.inputs(slice(256))
two_errors = pd.DataFrame(
    {
        name: {
            **errors(model, small, [block.name for block in blocks], fresh),
            "accuracy": accuracy(small, judges),
        }
        for name, small in fitted.items()
    }
)
titles = {"blocks": "blocks off (%)", "outputs": "outputs off (%)", "accuracy": "accuracy (%)"}
bars = {what: live_figure() for what in titles}
for what, title in titles.items():
    values = 100 * two_errors.loc[what]
    look = {"marker_color": figures.COLOURS[:3], "texttemplate": "%{y:.1f}", "textposition": "outside"}
    names = values.index.str.replace(" ", "<br>")
    drawn = go.Figure(go.Bar(x=names, y=values, hoverinfo="skip", cliponaxis=False, textangle=0, **look))
    drawn.update_layout(template=figures.template(), height=320, title={"text": title, "font_size": 14, "x": 0.5})
    figures.redraw(bars[what], drawn)
side_by_side(*bars.values())

# %% [markdown]
# **What to look at:** fitting blocks makes the blocks better. Does it make the network better? Fitting outputs looks at the end
# alone; what does that do to the blocks? With so few steps this is a sketch. Hundreds of steps on a thousand images are
# usual; what those bring stands in section 8, as far as it has been measured.

# %% [markdown]
# ## 8. Beside other ways, at equal bytes
#
# Is it worth it? These ways all spend the same share of the bytes of the same layers, places of links included, and none
# of them trains:

# %%
bytes_budget, from_bytes = 0.08, {"layers": "mlp", "unit": "bytes"}
shared = {"budget": bytes_budget, "budget_kind": "bytes", "calibration": images}
rivals = {
    "low rank, each matrix": lambda: compress.low_rank(model, budget=bytes_budget, **from_bytes),
    "low rank, by outputs": lambda: compress.low_rank(model, budget=bytes_budget, calibration=images, **from_bytes),
    "magnitude": lambda: compress.magnitude(model, budget=bytes_budget, **from_bytes),
    "shared basis, no zeros": lambda: compress.fips(model, sparsity=0, **shared),
    "FiPS, each block alone": lambda: compress.fips(model, sparsity=0.75, groups=1, **shared),
    "FiPS, four blocks": lambda: compress.fips(model, sparsity=0.75, **shared),
}
KEYS = ["accuracy_change", "accuracy_change_low", "accuracy_change_high"]
changes = {}
for name, make in rivals.items():
    summary = audit.audit(make(), judges, reference=model, reference_logits=before, cost=False).summary
    changes[name] = 100 * summary[KEYS].to_numpy(float)
changes = pd.DataFrame(changes, index=["value", "low", "high"]).T
drawn = figures.intervals(changes, label="change in accuracy", unit="pp")
drawn.add_vline(x=0, line_width=1).update_layout(height=320)

# %% [markdown]
# **What to look at:** further right is better, 0 is the uncompressed network. What do zeros bring, and what does sharing bring
# on top? An interval that holds the dot of another leaves open which of the two is better. Give another `bytes_budget` and
# run the cell again: at a large one all are good.
#
# That is one budget and a thousand images. labkit's benchmark `benchmarks/fips.py` measures more budgets on the whole test part,
# fitted networks with several seeds, and an encoder of sentences:

# %%
KINDS = {"": "dot", ", by outputs": "solid", ", fitted": "dash"}


def kind_of(way):
    """Family and kind, for colour and dash."""
    kind = next((kind for kind in KINDS if kind and way.endswith(kind)), "")
    return way.removesuffix(kind), kind


def read_rows():
    """The rows of the benchmark; none where nobody has run it."""
    measured = Path("../benchmarks/results/fips.json")
    columns = ["what", "network", "way", "budget", "seed", "quality", "dense"]
    rows = pd.DataFrame(json.loads(measured.read_text())["rows"] if measured.is_file() else []).reindex(
        columns=columns
    )
    return rows[(rows["what"] == "quality") & rows["quality"].notna()]  # a budget that is too small has none


def draw_rows(network):
    """A line a way: mean over seeds with its interval, where there are several. A click in the legend hides a family."""
    rows = benchmark[benchmark["network"] == network]
    cells = audit.over_seeds(rows, ["way", "budget"], "quality").sort_values("budget")
    drawn, colours = go.Figure(), {}
    for way in dict.fromkeys(rows["way"]):
        (family, kind), line = kind_of(way), cells[cells["way"] == way]
        look = {"name": family, "legendgroup": family, "showlegend": family not in colours, "meta": way}
        colour = colours.setdefault(family, figures.COLOURS[len(colours) % len(figures.COLOURS)])
        whisker = (100 * (line["high"] - line["mean"])).where(line["seeds"] > 1)
        look |= {"line": {"color": colour, "dash": KINDS[kind]}, "error_y": {"array": whisker, "thickness": 1}}
        hover = "%{meta}: %{y:.2f}<extra></extra>"
        x, y = 100 * line["budget"], 100 * line["mean"]
        drawn.add_scatter(x=x, y=y, mode="lines+markers", hovertemplate=hover, **look)
    drawn.add_hline(y=100 * rows["dense"].iloc[0], line_width=1, annotation_text="uncompressed")
    drawn.update_xaxes(title_text="feed-forward bytes left (%)", type="log", tickvals=[5, 10, 25, 40, 50, 75])
    drawn.update_yaxes(title_text=QUALITY.get(network, "quality (%)"))
    figures.redraw(lines, drawn.update_layout(template=figures.template(), height=560))


QUALITY = {"vit_fashion": "test accuracy (%)", "minilm": "rank correlation with WordNet (%)"}
benchmark, lines = read_rows(), live_figure()
if benchmark.empty:
    shown = [
        widgets.HTML("Nothing is measured yet: <code>python benchmarks/fips.py</code> does it, and takes hours.")
    ]
else:
    shown = [live_choice(benchmark["network"].unique(), draw_rows), lines]
widgets.VBox(shown)

# %% [markdown]
# **What to look at:** one colour a family; dotted by weights, solid by outputs, dashed fitted. Look at the left end, where
# bytes are few. Where do lines meet that lay far apart? A whisker is a 95 % interval over seeds; closed forms have one
# seed and no whisker.

# %% [markdown]
# ## 9. Honest limits
#
# **Bytes are saved, time is not for certain.** The basis is multiplied anew in every layer, and a bitmask is spread out for
# each call. labkit multiplies whichever way takes fewer operations; `benchmarks/fips.py` has measured times, and sparse
# factors are not the fastest.
#
# **Attention stays.** What you save is a share of the feed-forward weights, not of the whole network.
#
# **A small network on easy images.** Its feed-forward layers bear more than those of a large network on hard data would. The
# budgets where something happens are small here; do not take them home.
#
# **Closed form first.** The paper begins with a singular value decomposition and fits by gradients, pruning as it goes.
# labkit begins with links chosen by what they are worth and least squares. That is why so few steps do little here.
#
# **Try it:**
#
# - Section 4 with `groups=[[0, 7], [1, 6], [2, 5], [3, 4]]` in place of `groups`: must blocks that share be neighbours?
# - Section 3 with `fc1` alone and `fc2` alone: `matrices` knows them by name. Should they have bases of their own?
# - Section 7 with `"masks": "static"` in `tiny`, or ten times the steps.
# - On the command line: `labkit compress --model vit_fashion --method fips --set budget=0.1 --set groups=8`.
# - `make app`, page *Live*, for a network and data of your own. Back to [the tour](00_tour.ipynb), or to
#   [02 Dynamic sparse training](02_dynamic_sparse_training.ipynb), where links move while a network learns.
