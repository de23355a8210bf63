# %% [markdown]
# # Dynamic sparse training: links that move while a network learns
#
# **The question.** [Notebook 01](01_condensed_sparsity.ipynb) made a trained network sparse, and above some sparsity
# its accuracy fell off a cliff. Can a network be sparse *from the first step on*, and find out by itself which links it
# needs?
#
# **The answer tried here** is *dynamic sparse training*: every so often the weakest links go and as many new ones come.
# The form looked at most closely is SRigL, by Lasby et al.
# ([Dynamic Sparse Training with Structured Sparsity](https://arxiv.org/abs/2305.02299), ICLR 2024): every neuron has the
# same number of links, and a neuron that is of little use may lose all of them.

# %%
import copy
import json
import time
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import nn

from labkit import audit, compress, data, figures, live, models, runs, sparsify
from labkit.cost import bytes_by_kind, cost, macs_by_module
from labkit.sparsify import theory
from labkit.sparsify.rules import View
from labkit.sparsify.srigl import SRigL
from labkit.training import accuracy

from controls import cards, follow, live_choice, live_figure, live_slider, page, side_by_side

torch.set_num_threads(1)  # enough for layers as small as these; the page keeps the other processor
page()

# %% [markdown]
# ## 1. The idea: prune and grow
#
# A *link* is a weight that may differ from zero. A *topology* says which links there are, and how they change:
#
# - **static**: drawn at random before training, and kept;
# - **SET**: the weakest links go, random ones come;
# - **RigL**: the weakest go, and those come where the loss has its largest *gradient*, links that would help most;
# - **SRigL**: like RigL, with as many links for every neuron, and neurons without good links are *ablated*;
# - **GMP**, for comparison: start with all links, and prune the weakest bit by bit until as few are left.
#
# Links change every $\Delta T$ steps until $T$, three quarters of the training. The share that is replaced falls along a
# cosine from $\alpha = 0.3$, so that the network can settle: $\frac{\alpha}{2}\left(1 + \cos\frac{\pi t}{T}\right)$.

# %%
steps, sparsity = 900, 0.95
plan = sparsify.Schedule(total_steps=steps, every=25)
changes = [step for step in range(steps) if plan.updates_at(step)]
moments = np.arange(steps + 1)
gradual = [1 - sparsify.cubic_sparsity(step, begin=0, end=changes[-1], final=sparsity) for step in moments]

drawn = make_subplots(1, 2, subplot_titles=["links there are (share of all)", "links replaced (share of links)"])
drawn.add_scatter(x=moments, y=gradual, name="GMP", row=1, col=1)
drawn.add_scatter(x=moments, y=np.full(len(moments), 1 - sparsity), name="static, SET, RigL, SRigL", row=1, col=1)
replaced = [plan.share(step) for step in changes]
drawn.add_scatter(x=changes, y=replaced, name="SET, RigL, SRigL, a dot an update", mode="markers", row=1, col=2)
drawn.update_xaxes(title_text="step", range=[0, steps])
drawn.update_layout(template=figures.template(), height=340, legend_y=1.12)

# %% [markdown]
# **What to look at:** GMP ends as sparse as the others, but for a good part of the training it carries many more links.
# What is small only at the end was trained large.

# %% [markdown]
# ## 2. The loop anyone can use
#
# A perceptron 784-300-100-10 learns handwritten digits. The loop is plain PyTorch with three lines of labkit: make a
# *sparsifier*, show it the optimizer, and call `step()` after `optimizer.step()`.

# %%
digits = data.load("mnist")
inputs, labels = digits.train.inputs(slice(20_000)), torch.as_tensor(digits.train.labels[:20_000])

torch.manual_seed(0)
network = models.get_recipe("mlp_mnist").build()
sparsifier = sparsify.srigl(network, sparsity=sparsity, total_steps=steps, update_every=25, gamma_sal=0.7)
optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
sparsifier.attach(optimizer)
history = [sparsifier.report().assign(step=0)]

for step in range(1, steps + 1):
    rows = torch.randint(len(inputs), (64,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
    optimizer.step()
    if sparsifier.step():  # whether links have changed
        history.append(sparsifier.report().assign(step=step))

print(f"{accuracy(network, digits.test):.2%} of the test digits right")
sparsifier.report()

# %% [markdown]
# Each row is a layer: `active` of its `outputs` neurons have links, `fan_in` each; `explored` is the share of all
# places that have had a link at some time. Here is how it came to that:

# %%
figures.layer_states(pd.concat(history).reset_index(), what="active")

# %% [markdown]
# **What to look at:** a line to the left is a layer that gave neurons up. Read in the table what became of its fan-in:
# the links of those neurons went to the others, so the layer has about as many as before. The last layer keeps every
# neuron, for each is a class. Why it is sparse so little is a matter of section 4.

# %% [markdown]
# ## 3. Watch it live
#
# The same loop as a *generator*: it tells how things stand every few steps, and stops as soon as somebody wants another
# setting.

# %%
torch.manual_seed(0)
untrained = models.get_recipe("mlp_mnist").build()
judges = digits.validation.subset(slice(1000))


class Moment(NamedTuple):
    setting: str
    layers: pd.DataFrame  # the sparsifier's report at every moment so far
    right: list[tuple[int, float]]  # step, share of the validation digits that are right
    mask: np.ndarray  # of the first layer, a row a neuron

    @property
    def step(self):
        return self.right[-1][0]


def learn(cancel, topology, update_every, **own):
    learner, draw = copy.deepcopy(untrained), torch.Generator().manual_seed(0)
    make = sparsify.TOPOLOGIES[topology]
    moving = make(learner, sparsity, total_steps=steps, update_every=update_every, **own)
    optimizer = torch.optim.Adam(learner.parameters(), lr=2e-3)
    moving.attach(optimizer)
    setting = ", ".join([topology, f"every {update_every}", *(f"{name} {value:g}" for name, value in own.items())])
    layers, right = [], []
    for step in range(steps + 1):
        if cancel.is_set():  # the slider has moved on: not a step more
            return
        if step % 20 == 0:
            layers.append(moving.report().assign(step=step))
            right.append((step, accuracy(learner, judges)))
            yield Moment(setting, pd.concat(layers), list(right), moving.masks["fc1.weight"].numpy().copy())
        rows = torch.randint(len(inputs), (64,), generator=draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(learner(inputs[rows]), labels[rows]).backward()
        optimizer.step()
        moving.step()


# %% [markdown]
# A neuron of the first layer has an input for each of the $28 \times 28$ pixels, so its links are a picture. Left: the
# links of all neurons added up. Middle: some neurons, each for itself. Right: how far the training is.

# %%
NOTHING, NO_LINKS, LINK = 0, 1, 2
GAP = (np.nan, np.nan)  # between two lines of one trace
PAINT = [[0, "#FFFFFF"], [0.5, "#F6DDBD"], [1, "#222222"]]


def density(mask):
    """Links at each pixel, as a multiple of what each would have if they were spread evenly."""
    found = mask.sum(axis=0).reshape(28, 28)
    return found / found.mean()


def mosaic(mask, across=8, down=8):
    """The links of the first neurons, a tile a neuron."""
    some = np.where(mask, LINK, NOTHING)[: across * down]
    some[~some.any(axis=1)] = NO_LINKS
    framed = np.pad(some.reshape(down, across, 28, 28), ((0, 0), (0, 0), (2, 2), (2, 2)))
    return framed.transpose(0, 2, 1, 3).reshape(down * 32, across * 32).astype(np.uint8)


def square(heat, title):
    axis = {"visible": False, "fixedrange": True}
    drawn = go.Figure(heat).update_layout(template=figures.template(), height=360, xaxis=axis)
    drawn.update_layout(yaxis={**axis, "autorange": "reversed", "scaleanchor": "x"})
    return drawn.update_layout(title={"text": title, "font": {"size": 14}, "x": 0.5, "xanchor": "center"})


def picture_of_links():
    bar = {"orientation": "h", "y": -0.02, "yanchor": "top", "thickness": 10, "outlinewidth": 0, "ticksuffix": " ×"}
    look = {"zmin": 0, "zmax": 4, "colorscale": "Blues", "colorbar": bar}
    heat = go.Heatmap(z=np.ones((28, 28)), hovertemplate="%{z:.1f} ×<extra></extra>", **look)
    return square(heat, "links at each pixel, beside spread evenly")


def picture_of_neurons():
    look = {"zmin": NOTHING, "zmax": LINK, "colorscale": PAINT, "showscale": False, "hoverinfo": "skip"}
    return square(go.Heatmap(z=np.zeros((256, 256), np.uint8), **look), "single neurons; shaded: no links left")


def curves():
    """Neurons with links above, a line a layer; accuracy below, grey for the settings trained before."""
    drawn = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    for name in ("fc1", "fc2", "fc3"):
        drawn.add_scatter(name=name, mode="lines", row=1, col=1)
    for colour in ("#BBBBBB", "#222222"):
        drawn.add_scatter(mode="lines", line={"color": colour}, showlegend=False, row=2, col=1)
    drawn.update_xaxes(range=[0, steps])
    drawn.update_xaxes(title_text="step", row=2)
    drawn.update_yaxes(title_text="with links (%)", range=[0, 105], row=1)
    drawn.update_yaxes(title_text="right (%)", range=[80, 100], row=2)
    return drawn.update_layout(template=figures.template(), height=360)


# %% [markdown]
# Links change every `update_every` steps. A neuron is ablated when it has fewer good links than the share `gamma_sal`
# of its fan-in; section 5 says what good means. Move either slider, also while it trains:

# %%
latest, now, finished = live.Latest(), {"topology": "srigl", "gamma_sal": 0.7}, {}
numbers, pixels, tiles, course = widgets.HTML(), live_figure(), live_figure(), live_figure()
for shown, drawn in ((pixels, picture_of_links()), (tiles, picture_of_neurons()), (course, curves())):
    figures.redraw(shown, drawn)


def ask(**change):
    now.update(change)
    own = {"gamma_sal": now["gamma_sal"]} if now["topology"] == "srigl" else {}
    setting = {"topology": now["topology"], "update_every": int(now["update_every"]), **own}
    latest.ask(tuple(setting.items()), lambda cancel: learn(cancel, **setting))


def choose(topology):
    gamma.disabled = topology != "srigl"
    ask(topology=topology)


def show(moment):
    first = moment.layers[moment.layers["step"] == moment.step].loc["fc1.weight"]
    spread = density(moment.mask)
    facts = {
        "validation digits right": (f"{moment.right[-1][1]:.1%}", f"of {len(judges):,}"),
        "fc1: neurons with links": (f"{first['active']:.0f}", f"of {first['outputs']:.0f}"),
        "fc1: links of each": (f"{first['fan_in']:.1f}", "the fan-in, on average"),
        "fc1: links in the middle": (f"{spread[6:22, 6:22].mean():.2f} ×", "as many as if spread evenly"),
    }
    numbers.value = cards([audit.Headline(key, key, *said, "neutral", key) for key, said in facts.items()])
    if moment.step == steps:
        finished[moment.setting] = moment.right
    lines = [(rows["step"], 100 * rows["active"] / rows["outputs"]) for _, rows in moment.layers.groupby(level=0)]
    before = [point for setting, line in finished.items() if setting != moment.setting for point in (*line, GAP)]
    for line in (before or [GAP], moment.right):
        at, share = np.array(line, float).T
        lines.append((at, 100 * share))
    with pixels.batch_update(), tiles.batch_update(), course.batch_update():  # one message each
        pixels.data[0].z, tiles.data[0].z = spread, mosaic(moment.mask)
        for trace, (x, y) in zip(course.data, lines, strict=True):
            trace.x, trace.y = x, y


def tell(moment):
    return f"{moment.setting}: " + (f"step {moment.step} of {steps}" if moment.step < steps else f"all {steps} steps")


every = live_slider("update_every", [5, 10, 25, 50, 100, 200], 25, lambda value: ask(update_every=value))
eager = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
gamma = live_slider("gamma_sal", eager, 0.7, lambda value: ask(gamma_sal=value))
topology = live_choice(["srigl", "rigl", "set", "static", "gmp"], choose)
line = follow(latest, show, tell)
widgets.VBox([topology, every, gamma, numbers, line, side_by_side(pixels, tiles, course)])

# %% [markdown]
# **What to look at:**
#
# - *Links wander to the middle*, where the digits are. A pixel that is black in every image has no gradient, so nothing
#   grows there; yet a large weight that happens to start there is never small enough to go.
# - *Tiles go blank* when their neuron is ablated, and the others get denser. Raise `gamma_sal`: from where on does it
#   bite?
# - `set` grows at random. How far do its links wander? And those of `gmp`, which starts with all of them and only prunes?
# - *Accuracy*, grey for what you trained before: which settings differ by more than the wiggle of their own lines?

# %% [markdown]
# ## 4. Who gets how many links?
#
# Only the sparsity of the whole network is given; how is it shared out? **Uniform** gives every layer the same density.
# **ERK** (Erdős-Rényi kernel) gives a layer of shape $s$ a density in proportion to $\sum_i s_i / \prod_i s_i$: small
# layers keep more, and none more than all. Here is a residual network of convolutions:

# %%
latest.wait(60)  # torch counts what every network in this process multiplies, so let that of section 3 finish
convolutions = models.load("resnet_fashion")
shapes = {name: tuple(weight.shape) for name, weight in sparsify.eligible(convolutions).items()}
names = [name.removesuffix(".weight") for name in shapes]
dense_macs = macs_by_module(convolutions, torch.zeros(1, 1, 28, 28))
macs, fan_ins = np.array([dense_macs[name] for name in names]), np.array([np.prod(s[1:]) for s in shapes.values()])
shares = live_figure()


def share_out(value):
    drawn = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03)
    for turn, (way, title, symbol) in enumerate((("uniform", "uniform", "circle"), ("erk", "ERK", "diamond"))):
        kept = np.array([*sparsify.densities(shapes, value, way).values()])
        look = {"mode": "markers", "marker": {"size": 10, "symbol": symbol, "color": figures.COLOURS[turn]}}
        label = f"{title}: {kept @ macs / macs.sum():.1%} of the multiplications"
        drawn.add_scatter(x=kept, y=names, name=label, row=1, col=1, **look)
        drawn.add_scatter(x=kept * fan_ins, y=names, showlegend=False, row=1, col=2, **look)
    drawn.add_vline(x=1, line_dash="dot", row=1, col=2)
    drawn.update_xaxes(title_text="density", range=[0, 1.02], row=1, col=1)
    drawn.update_xaxes(title_text="links of a neuron", type="log", range=[-1, 3], row=1, col=2)
    drawn.update_yaxes(autorange="reversed", dtick=1, tickfont_size=11)
    figures.redraw(shares, drawn.update_layout(template=figures.template(), height=580, legend_y=1.03))


widgets.VBox([live_slider("sparsity", [*np.arange(50, 99) / 100, 0.985, 0.99], 0.9, share_out), shares])

# %% [markdown]
# **What to look at:** at one and the same sparsity the two need different numbers of multiplications: ERK leaves small
# layers denser, and in a network of convolutions some of those look at every pixel. Drag to the right, and see which
# layer is the next to cross the dotted line: its neurons would have less than one link. labkit then refuses a constant
# fan-in; leave such a layer dense with `exclude=`.

# %% [markdown]
# ## 5. One update, step by step
#
# A layer of six neurons with eight inputs. $n$ links are there, and the share $\zeta$ of them is to be replaced: here
# half, more than in practice, so that there is something to see. SRigL:
#
# 1. **Salient** are the $n - \zeta n$ largest weights of the layer, and the $\zeta n$ places of largest gradient,
#    linked or not.
# 2. **Ablate** each neuron with fewer salient places than $\gamma_\text{sal}$ times the fan-in, but never so many that
#    the rest could not hold the links.
# 3. **Prune** all but the $n - \zeta n$ largest weights of the neurons that are left.
# 4. **Grow** each of them to the new fan-in, $n$ over their number, where its gradient is largest. New links start at
#    zero; one that has just been pruned may win its place back, and its weight.

# %%
outputs, width, old_fan_in, replaced = 6, 8, 4, 0.5
random = torch.Generator().manual_seed(205)
mask = torch.rand(outputs, width, generator=random).argsort(1).argsort(1) < old_fan_in
weight = torch.randn(outputs, width, generator=random) * mask
gradient = torch.randn(outputs, width, generator=random)
links = int(mask.sum())
keep = links - int(replaced * links)


def top(score, count):
    """The largest entries, anywhere."""
    return score >= score.flatten().topk(count).values[-1]


def top_of_rows(score, count):
    """The largest entries of each row."""
    return score.argsort(1, descending=True).argsort(1) < count


def update(gamma_sal):
    by_weight, by_gradient = top(weight.abs(), keep), top(gradient.abs(), links - keep)
    count = (by_weight | by_gradient).sum(1)
    can_hold = count.sort(descending=True).values[links // width]
    active = count >= min(max(1, int(gamma_sal * old_fan_in)), can_hold)
    fan_in = links // int(active.sum())

    score = weight.abs() * active[:, None]
    kept = top(score, keep) & (score > 0)
    kept &= top_of_rows(torch.where(kept, score, 0), fan_in)  # no neuron over its fan-in
    after = top_of_rows(torch.where(kept, torch.inf, gradient.abs()), fan_in) & active[:, None]
    return by_weight, by_gradient, active, kept, after


for gamma_sal in np.arange(0, 1, 0.05):
    layer = View(weight, gradient, mask, links, share=replaced, step=25, ablates=True, generator=random)
    assert torch.equal(update(gamma_sal)[-1], SRigL(gamma_sal).update(layer))
print("the same links as labkit's SRigL, for every gamma_sal")

# %% [markdown]
# A panel a step:

# %%
film = live_figure()
COLOURS = {"weight": "#9CC5E3", "gradient": "#9FDBC6", "both": "#5F9EB0", "gone": "#F3C06B", "none": "#E3E3E3"}
KINDS = {"": "#FFFFFF", "there": "#EEF2F6", **COLOURS}


def panels(gamma_sal):
    """Title -> what colours which places (a later one paints over an earlier), and where to write the numbers."""
    by_weight, by_gradient, active, kept, after = update(gamma_sal)
    salient = {"weight": by_weight, "gradient": by_gradient, "both": by_weight & by_gradient}
    everywhere, off = torch.ones_like(mask), ~active[:, None].expand_as(mask)
    return {
        "weights, the largest blue": ({"there": mask, "weight": by_weight}, weight, mask),
        "gradients, the largest green": ({"there": everywhere, "gradient": by_gradient}, gradient, everywhere),
        "1 salient, and how many": (salient, weight, by_weight),
        "2 ablated": ({**salient, "none": off}, weight, by_weight & ~off),
        "3 pruned: what went": ({"none": off, "gone": mask & ~kept, "weight": kept}, weight, mask),
        "4 grown": ({"none": off, "weight": kept, "gradient": after & ~kept}, weight, after),
    }, (by_weight | by_gradient).sum(1).tolist()


def step_by_step(gamma_sal):
    found, counts = panels(gamma_sal)
    drawn = make_subplots(2, 3, subplot_titles=list(found), horizontal_spacing=0.05, vertical_spacing=0.12)
    scale = [[place / (len(KINDS) - 1), colour] for place, colour in enumerate(KINDS.values())]
    for place, (colours, values, written) in enumerate(found.values()):
        kind = np.zeros(mask.shape)
        for name, places in colours.items():
            kind[places] = [*KINDS].index(name)
        text = np.where(written, np.char.mod("%.1f", values + 0.0), "")  # + 0.0: no minus before a zero
        look = {"colorscale": scale, "zmin": 0, "zmax": len(KINDS) - 1, "showscale": False, "xgap": 2, "ygap": 2}
        where = {"row": place // 3 + 1, "col": place % 3 + 1}
        drawn.add_heatmap(z=kind, text=text, texttemplate="%{text}", hoverinfo="skip", **look, **where)
    drawn.update_xaxes(showticklabels=False, ticks="", showgrid=False, fixedrange=True)
    drawn.update_yaxes(autorange="reversed", dtick=1, showgrid=False, fixedrange=True)
    drawn.update_yaxes(side="right", tickvals=[*range(outputs)], ticktext=counts, row=1, col=3)
    figures.redraw(film, drawn.update_layout(template=figures.template(), height=520))


widgets.VBox([live_slider("gamma_sal", np.arange(0, 1, 0.05), 0.75, step_by_step), film])

# %% [markdown]
# **What to look at:** follow one neuron through the panels. Blue is there for its weight, green for its gradient;
# orange went, grey is ablated. Pruning is layer-wide, so one neuron loses more than another, and growing fills them all
# up to the same number. Drag to the left: where do the ablated neurons come back, and what does that do to the fan-in
# of the others?

# %% [markdown]
# ## 6. Does it matter that every neuron has the same number?
#
# Notebook 01 compared two ways to draw links; here are three. How evenly does a signal pass through a sparse layer?
# Take $n$ inputs and outputs, $k$ links for each output on average, weights scaled so that the size of the output
# $\mathrm{E}\lVert y \rVert^2 = 1$, inputs that a ReLU switches off half the time. How much $\lVert y \rVert^2$
# *varies* depends on how the links are drawn:
#
# $$\text{each by chance } \tfrac{k}{n}: \;\; V_1 = \frac{5n - 8 + 18\,\frac{n}{k}}{n(n+2)}$$
#
# $$nk \text{ anywhere in the layer}: \;\; V_2 = \frac{(n^2 + 7n - 8)\,C + 18\,\frac{n}{k} - n^2 - 2n}{n(n+2)}, \quad
# C = \frac{n - 1/k}{n - 1/n}$$
#
# $$k \text{ for every output}: \;\; V_3 = V_1 - \frac{3(n-k)}{k\,n(n+2)}$$
#
# Formulas are worth a check: draw layers, and measure. The drawing goes on in the background, and intervals narrow.

# %%
WAYS = {"bernoulli": "each by chance", "per_layer": "anywhere in the layer", "per_neuron": "k for every output"}
ROUNDS, simulation, variances = 40, live.Latest(), live_figure()


def fan_ins_of(n):
    return sorted({max(1, round(n * share)) for share in (1 / 16, 1 / 8, 3 / 16, 1 / 4, 1 / 2, 1)})


def simulate(cancel, n):
    found = []
    for seed in range(ROUNDS):
        for k in fan_ins_of(n):
            if cancel.is_set():
                return
            draws = 200_000 // n**2 + 200
            found += [
                (seed, k, way, *theory.simulated_norm_variance(n, k, way, draws=draws, seed=100 * seed + k))
                for way in WAYS
            ]
        yield n, pd.DataFrame(found, columns=["seed", "k", "way", "value", "error"])


def show_variances(answer):
    n, found = answer
    drawn = go.Figure()
    for turn, (way, title) in enumerate(WAYS.items()):
        colour, ks = figures.COLOURS[turn], fan_ins_of(n)
        line = [theory.output_norm_variance(n, k, way) / theory.output_norm_variance(n, k, "bernoulli") for k in ks]
        drawn.add_scatter(x=ks, y=line, name=title, mode="lines", line={"color": colour})
        each = found[found["way"] == way].groupby("k")
        scale = np.array([theory.output_norm_variance(n, k, "bernoulli") for k in ks])
        whisker = 1.96 * (each["error"].apply(lambda e: np.sqrt((e**2).sum())) / each.size()).to_numpy() / scale
        aside = np.array(ks) * 1.03 ** (turn - 1)  # so that no whisker hides another
        dots = {"mode": "markers", "marker": {"color": colour, "size": 8}, "showlegend": False}
        drawn.add_scatter(x=aside, y=each["value"].mean() / scale, error_y={"array": whisker}, **dots)
    drawn.update_xaxes(type="log", tickvals=fan_ins_of(n), title_text=f"links k of each output, of {n}")
    drawn.update_yaxes(title_text="variance beside V₁", range=[0.82, 1.08])
    figures.redraw(variances, drawn.update_layout(template=figures.template(), height=380))


def ask_variances(n):
    simulation.ask(n, lambda cancel: simulate(cancel, int(n)))


def drawn_so_far(answer):
    n, found = answer
    return f"n = {n}: {found['seed'].nunique()} of {ROUNDS} rounds drawn; whiskers are 95 % intervals"


size = live_slider("n", [4, 8, 16, 24, 32], 16, ask_variances)
widgets.VBox([size, follow(simulation, show_variances, drawn_so_far), variances])

# %% [markdown]
# **What to look at:** lines are the formulas, dots what was drawn. Everything is divided by $V_1$. The fewer links, the
# more a constant number of them steadies the signal; where every link is there, nothing is left to choose. Drag $n$:
# the gain belongs to small fan-ins.

# %% [markdown]
# ## 7. What it costs, and what it saves
#
# One training on one seed says little, as section 3 may have shown. So labkit's benchmark trains two real networks many
# times on Fashion-MNIST: each topology and sparsity with several *seeds*, under the same recipe. A seed fixes the
# batches, so runs of equal seed can be compared in pairs: their differences vary less than they do themselves.

# %%
measured = Path("../benchmarks/results/dynamic_sparse_training.json")
columns = ["network", "topology", "sparsity", "gamma_sal", "seed", "accuracy", "active", "neurons_at_first"]
columns += ["training_gflops", "dense_training_gflops"]
trainings = pd.DataFrame(json.loads(measured.read_text())["rows"] if measured.is_file() else [], columns=columns)
trainings["share"] = trainings["training_gflops"] / trainings["dense_training_gflops"]
usual = runs.usual_gamma(trainings)  # without the trainings that only ask for the best gamma_sal


def differences(rows):
    """SRigL less each other topology in points of accuracy, over pairs of equal seed; one pair has no interval."""
    found = runs.contrasts(rows).query("seeds > 1")
    points = 100 * found[["mean", "low", "high"]].astype(float)
    names = [f"{row.sparsity:g} SRigL − {figures.topology_title(row.other)}" for row in found.itertuples()]
    told = [f"{mean:+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "−") for mean, low, high in points.to_numpy()]
    labels = [f"{name}: {numbers}" for name, numbers in zip(names, told, strict=True)]
    return points.set_axis(["value", "low", "high"], axis=1).set_axis(labels)


# %%
by_sparsity, by_operations, pairs, told = live_figure(), live_figure(), live_figure(), widgets.HTML()


def results(network):
    rows = usual[usual["network"] == network]
    if rows.empty:
        told.value = "Nothing is measured yet: <code>make bench</code> does it, and takes hours."
        return
    cells = audit.over_seeds(rows, ["topology", "sparsity"])
    cells["share"] = audit.over_seeds(rows, ["topology", "sparsity"], "share")["mean"]
    told.value = f"{len(rows)} trainings, {cells['seeds'].min()} to {cells['seeds'].max()} seeds for each dot"
    dense, sparse = cells[cells["topology"] == "dense"], cells[cells["topology"] != "dense"]
    figures.redraw(by_sparsity, figures.sparsity_accuracy(sparse, dense=None if dense.empty else dense.iloc[0]))
    figures.redraw(by_operations, figures.flops_accuracy(cells, x_label="operations of the training"))
    table = differences(rows)
    drawn = figures.intervals(table, label="difference in accuracy", unit="pp").add_vline(x=0, line_width=1)
    figures.redraw(pairs, drawn.update_layout(height=100 + 30 * len(table)))


widgets.VBox(
    [live_choice(trainings["network"].unique(), results), told, side_by_side(by_sparsity, by_operations), pairs]
)

# %% [markdown]
# **What to look at:** dots are means over seeds, whiskers their 95 % intervals (Student's $t$); one seed alone has none.
#
# - *Top left*, accuracy against sparsity. Compare the sparse with each other, and all with the dense line.
# - *Top right*, the same dots over the operations of the *training*, if zeros cost nothing. Further left is cheaper.
#   Where does GMP stand here, and where on the left?
# - *Below*, SRigL less the three it is measured by, seed by seed. An interval that holds 0 leaves open who is better; one that
#   lies to one side of it does not. Does that agree with the paper's claim that SRigL is as good as RigL, and that
#   ablation pays where links are few?
#
# The trainings are short and the networks small. Each interval is right 95 times in a hundred *by itself*, so among
# twenty comparisons one is expected to miss.
#
# And how eagerly should neurons go? The same transformer with other `gamma_sal`:

# %%
sweep = trainings.query("network == 'vit_fashion' and topology == 'srigl' and sparsity == 0.9")
sweep = sweep.assign(empty=1 - sweep["active"] / sweep["neurons_at_first"])
over_gamma = audit.over_seeds(sweep, ["gamma_sal"]).astype(float)
over_gamma["empty"] = audit.over_seeds(sweep, ["gamma_sal"], "empty")["mean"]
figures.gamma_accuracy(over_gamma)

# %% [markdown]
# **What to look at:** below each value stands the share of neurons without links at the end. The whisker of two seeds
# may leave the picture: two say little. The paper found that transformers need a high `gamma_sal`, far above that of
# convolutions. Do the intervals here say so too?

# %% [markdown]
# ## 8. Truly sparse
#
# A *masked* layer holds every weight, zeros included, and so do its gradients and the optimizer's moments: sparse
# training takes as much memory as dense, and a bit more for the masks. Most code for sparse training stops there. With
# a constant fan-in it need not. `storage="condensed"` puts layers of notebook 01 in the place of the linear ones, and
# everything is as small as the links:

# %%
STORAGES = ("masked", "condensed")


def made(storage, value):
    torch.manual_seed(0)
    learner = models.get_recipe("mlp_mnist").build()
    settings = {"total_steps": steps, "update_every": 25, "gamma_sal": 0.7}
    moving = sparsify.srigl(learner, value, storage=storage, **settings)
    optimizer = torch.optim.Adam(learner.parameters(), lr=2e-3)
    moving.attach(optimizer)
    return learner, moving, optimizer


def train(learner, moving, optimizer, count):
    draw = torch.Generator().manual_seed(0)
    for _ in range(count):
        rows = torch.randint(len(inputs), (64,), generator=draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(learner(inputs[rows]), labels[rows]).backward()
        optimizer.step()
        moving.step()


def held(storage, value):
    """kB that the training keeps from step to step."""
    learner, moving, optimizer = made(storage, value)
    train(learner, moving, optimizer, 1)
    size, layers = bytes_by_kind(learner), moving.layers.values()
    kept = {"weights": size["values"], "indices": size["indices"]}
    kept["masks"] = sum(layer.mask.nbytes + layer.explored.nbytes for layer in layers) if storage == "masked" else 0
    kept["gradients"] = sum(parameter.grad.nbytes for parameter in learner.parameters())
    kept["moments"] = sum(moment.nbytes for state in optimizer.state.values() for moment in state.values())
    return {name: number / 1e3 for name, number in kept.items()}


# %%
memory = live_figure()


def compare(value):
    found = pd.DataFrame({storage: held(storage, value) for storage in STORAGES})
    total = found.sum()
    names = [f"{storage}<br>{size:,.0f} kB" for storage, size in total.items()]
    drawn = go.Figure([go.Bar(y=names, x=row, name=name, orientation="h") for name, row in found.iterrows()])
    drawn.update_layout(template=figures.template(), height=260, barmode="stack", legend_traceorder="normal")
    drawn.update_yaxes(autorange="reversed")
    drawn.update_xaxes(title_text="kept from step to step (kB)", range=[0, 1.02 * total.max()])
    figures.redraw(memory, drawn)


widgets.VBox([live_slider("sparsity", [*np.arange(50, 99) / 100, 0.985, 0.99], sparsity, compare), memory])

# %% [markdown]
# **What to look at:** the upper bar stays where it is, the lower one shrinks with the links. For a change of links the
# gradient of *all* places is needed: it is then made for some rows at a time, from inputs and gradients of the last
# batch, and dropped again.
#
# Do both learn the same, and how long do they take?

# %%
both = {}
for work in (latest, simulation):
    work.wait(60)  # nothing else may run while we look at the clock
for storage in STORAGES:
    both[storage] = made(storage, sparsity)
    began = time.perf_counter()
    train(*both[storage], 150)
    print(f"{storage:>9}: {1e3 * (time.perf_counter() - began) / 150:.2f} ms a step")

(one, masked, _), (other, condensed, _) = both.values()
differ = sum(int((mask != condensed.masks[name]).sum()) for name, mask in masked.masks.items())
with torch.no_grad():
    apart = (one(inputs[:1000]) - other(inputs[:1000])).abs().max()
print(f"{differ} links differ; the outputs by {apart:.1e} at most")

# %% [markdown]
# The same links, up to rounding; in a long training rounding decides some day which of two nearly equal weights goes,
# and from there on the two go different ways. Which one is faster depends on sparsity, size and machine, as notebook 01
# shows.
#
# A network that was trained masked is turned into condensed layers at the end. `condense` without a sparsity keeps
# exactly the links that are there. Here it is for the network of section 2:

# %%
small = compress.condense(network)
test = digits.test.inputs(slice(2000))
with torch.no_grad():
    print(f"largest difference of an output: {(small(test) - network(test)).abs().max():.1e}")
before, after = (cost(model, test[:1], seconds=0) for model in (network, small))
print(f"{before.total_bytes / 1e3:,.0f} kB before, {after.total_bytes / 1e3:,.0f} kB after")
print(f"{before.macs:,} multiplications before, {after.macs:,} after")

# %% [markdown]
# An ablated neuron still has its row of zeros and gives its bias, so that the layer fits where the old one was. A layer
# with more than half of its links, like the last one here, stays as it is: with indices it would be larger.

# %% [markdown]
# ## 9. Honest limits
#
# **Sparse training is not a free lunch.** At equal steps it learns more slowly than dense training, and published
# trainings are long. Whether dynamic links beat static ones, and by how much, depends on how long one trains: look at
# the intervals of section 7 before you believe a ranking, also the paper's.
#
# **Operations saved are not time saved.** A masked layer multiplies by its zeros. A condensed one does not, and is
# faster on some shapes and slower on others.
#
# **More settings.** $\Delta T$, $\alpha$, $\gamma_\text{sal}$, ERK or uniform: each may help one network and hurt
# another. Choose them by validation data, never by the test data that you report.
#
# **Try it:**
#
# - Section 3 with `data.load("fashion_mnist")` in section 2. Do links still go to the middle?
# - `fan_in={"fc1": 20}` in `sparsify.srigl(…)` of section 2 sets the fan-in of a layer by hand. How few will do?
# - `fraction=0.6` in the call of `make` in `learn`: six links in ten are replaced at first. Do they wander further?
# - `trained=True` starts with the largest weights of a trained network instead of random ones.
# - A real network on the command line: `labkit train mlp_mnist --sparsify srigl --sparsity 0.95 --epochs 2`.
# - On to [03 Shared bases](03_fips.ipynb), where several layers of a transformer share what they have in common.
# - Back to [the tour](00_tour.ipynb), or `make app`, page *Training*, for the trainings of section 7 with their curves,
#   layers and films of masks.
