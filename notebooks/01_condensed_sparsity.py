# %% [markdown]
# # Condensed sparsity: the same number of inputs for every neuron
#
# **The question.** Most weights of a trained network hardly matter. Set them to zero and the network is *sparse*. But a
# zero takes as many bytes as any other number, and as much time. How must a layer be sparse so that it really gets smaller?
#
# **The answer tried here** is *constant fan-in*: every neuron keeps the same number of inputs. Lasby et al. train networks
# that way ([Dynamic Sparse Training with Structured Sparsity](https://arxiv.org/abs/2305.02299), ICLR 2024, "SRigL"). This
# notebook takes a network that is trained already and looks at the form such a layer is kept in.

# %%
import inspect
import json
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import nn

from labkit import audit, compress, data, figures, live, models
from labkit.cost import cost
from labkit.kernels.speed import measure
from labkit.layers import FixedFanInLinear
from labkit.training import predict

from controls import cards, follow, live_figure, live_slider, page, side_by_side

page()

# %% [markdown]
# ## 1. The idea in a picture
#
# A linear layer is a matrix: a row for each neuron, a column for each input. With constant fan-in $K$, every row keeps $K$
# weights, here its largest. Then the rows can close ranks: a small matrix of *weights* and, beside it, one that says which
# input each weight belongs to.

# %%
torch.manual_seed(1)
toy = nn.Linear(8, 6)
colours = [figures.COLOURS[1], "#F2F2F2", figures.COLOURS[4]]  # below zero, zero, above


def picture(fan_in):
    small = FixedFanInLinear.from_dense(toy, fan_in=fan_in)
    masked, weights, index = small.to_dense().weight.detach(), small.weight.detach(), small.index
    parts = {"masked": masked.numpy(), "weights": weights.numpy(), "index": index.numpy()}
    titles = [f"<b>{name}</b> {len(part)} × {part.shape[1]}, {part.nbytes} bytes" for name, part in parts.items()]
    drawn = make_subplots(1, 3, subplot_titles=titles, horizontal_spacing=0.03)
    for column, (name, part) in enumerate(parts.items(), start=1):
        text = part.astype(str) if name == "index" else np.where(part == 0, "", np.char.mod("%.2f", part))
        values = np.zeros(part.shape) if name == "index" else part
        look = {"colorscale": colours, "zmin": -0.4, "zmax": 0.4, "showscale": False, "xgap": 3, "ygap": 3}
        drawn.add_heatmap(z=values, text=text, texttemplate="%{text}", hoverinfo="skip", row=1, col=column, **look)
    drawn.update_xaxes(range=[-0.5, 7.5], dtick=1, showgrid=False, fixedrange=True)
    drawn.update_yaxes(autorange="reversed", dtick=1, showgrid=False, fixedrange=True)
    return drawn.update_layout(template=figures.template(), height=300)


shown = live_figure()
fan_in = live_slider("fan-in K", range(1, 9), 3, lambda k: figures.redraw(shown, picture(int(k))))
widgets.VBox([fan_in, shown])

# %% [markdown]
# **What to look at:** take a row on the left and read off its numbers; the same numbers stand in the middle, and their
# columns on the right. Every row of the condensed form is full. Now drag: how many bytes do the two parts take together,
# and from which fan-in on is that *more* than the matrix on the left?

# %% [markdown]
# ## 2. The equation, and its bytes
#
# With weights $W$ and index $I$, both $N \times K$, neuron $n$ of the layer gives
#
# $$y_n = b_n + \sum_{k=1}^{K} W_{n,k}\; x_{I_{n,k}} .$$
#
# Is that what labkit's layer computes? One line of NumPy indexing says it:

# %%
small = FixedFanInLinear.from_dense(toy, fan_in=3)
x = torch.randn(5, 8)
by_hand = small.bias + (small.weight * x[:, small.index.long()]).sum(-1)
print("the same:", torch.allclose(by_hand, small(x), atol=1e-6))

# %% [markdown]
# A neuron of the published layer that has lost all its inputs is *ablated*: the layer gives one output fewer. Here every
# output stays, and such a neuron still gives its bias $b_n$, so the layer fits where the old one was.
#
# A dense layer takes $4ND$ bytes for its $D$ inputs. The condensed one takes 4 bytes for each weight and $i$ for each
# index, $(4 + i)NK$ in all; $i = 2$ reaches up to 65,536 inputs. So it is smaller from the sparsity
#
# $$1 - \frac{K}{D} \;>\; \frac{i}{4 + i} .$$
#
# We count the bytes of a real layer of the trained network:

# %%
model = models.load("vit_fashion")
layer = model.blocks[0].mlp.fc1
x = torch.zeros(1, layer.in_features)
dense_bytes = cost(layer, x, seconds=0).total_bytes
fan_ins = {s: round(layer.in_features * (1 - s)) for s in np.linspace(0, 0.98, 50)}
condensed = {s: FixedFanInLinear.from_dense(layer, fan_in=fan_in) for s, fan_in in fan_ins.items()}
sizes = pd.DataFrame({s: cost(small, x, seconds=0).bytes for s, small in condensed.items()}).T / 1e3

index_bytes = condensed[0].index.element_size()
print(f"by the equation smaller above sparsity {index_bytes / (4 + index_bytes):.3f},", end=" ")
print(f"by the count from {(sizes.sum(axis=1) * 1e3 < dense_bytes).idxmax():.2f} on")

drawn = go.Figure()
for kind in ("values", "indices"):
    drawn.add_scatter(x=sizes.index, y=sizes[kind], name=kind, stackgroup="all")
drawn.add_hline(y=dense_bytes / 1e3, line_dash="dot", annotation_text="dense", annotation_position="top right")
drawn.update_layout(template=figures.template(), height=340, xaxis_title="sparsity", yaxis_title="size (kB)")

# %% [markdown]
# **What to look at:** the stack crosses the dotted line. Left of the crossing a "compressed" layer is *larger* than the
# dense one. Indices are a third of what the links take,
# whatever the sparsity.

# %% [markdown]
# ## 3. Which weights stay?
#
# The simplest rule keeps the weights of largest magnitude $|w|$. There are two ways to apply it:
#
# - **layer-wide** (unstructured): the largest of the whole layer, wherever they are;
# - **per neuron** (constant fan-in): the largest $K$ of each row.
#
# Layer-wide keeps the most magnitude that can be kept. What does the constraint cost? Both are one line: sort, add up.

# %%
layers = compress.select_layers(model, "inner", (nn.Linear, nn.Conv2d))


def magnitudes(name):
    """|w| of a layer, a row a neuron."""
    return layers[name].weight.detach().flatten(1).abs().numpy()


def magnitude_kept(name):
    """Per cent of the magnitude that stays, for each fan-in from 1 up: layer-wide and per neuron."""
    size = magnitudes(name)
    layer_wide = np.sort(size, axis=None)[::-1].cumsum()[len(size) - 1 :: len(size)]
    per_neuron = np.sort(size, axis=1)[:, ::-1].cumsum(axis=1).sum(axis=0)
    return 100 * layer_wide / size.sum(), 100 * per_neuron / size.sum()


def kept_by_each(name, fan_in):
    """How many weights each neuron keeps when the choice is layer-wide; ascending."""
    size = magnitudes(name)
    smallest = np.sort(size, axis=None)[-len(size) * fan_in]
    return np.sort((size >= smallest).sum(axis=1))


# %% [markdown]
# Choose a layer, and drag:

# %%
share, counts = live_figure(), live_figure()


def compare(name, sparsity):
    layer_wide, per_neuron = magnitude_kept(name)
    axis = 1 - np.arange(1, len(per_neuron) + 1) / len(per_neuron)
    fan_in = max(1, round(len(axis) * (1 - sparsity)))
    lines = {"layer-wide": (layer_wide, 5, "solid"), "per neuron": (per_neuron, 2, "solid")}
    lines["at random"] = (100 * (1 - axis), 1.5, "dot")
    drawn = go.Figure()
    for label, (line, width, dash) in lines.items():
        drawn.add_scatter(
            x=axis, y=line, name=f"{label} {line[fan_in - 1]:.1f} %", line={"width": width, "dash": dash}
        )
    drawn.add_vline(x=sparsity, line_width=1)
    drawn.update_layout(xaxis_title="sparsity", yaxis_title="magnitude kept (%)")
    figures.redraw(share, drawn.update_layout(template=figures.template(), height=340))

    each = kept_by_each(name, fan_in)
    drawn = go.Figure(go.Bar(y=each, name=f"layer-wide: {each[0]} to {each[-1]}", marker_line_width=0))
    drawn.add_scatter(y=np.full(len(each), fan_in), name=f"per neuron: {fan_in} each", mode="lines")
    drawn.update_layout(xaxis_title="neurons, in order", yaxis_title="weights kept", bargap=0)
    figures.redraw(counts, drawn.update_layout(template=figures.template(), height=340))


which = widgets.Dropdown(options=list(layers), value="blocks.0.mlp.fc1", description="layer")
how_sparse = live_slider("sparsity", np.arange(50, 100) / 100, 0.9, lambda value: compare(which.value, value))
which.observe(lambda move: compare(move["new"], how_sparse.value), "value")
widgets.VBox([which, how_sparse, side_by_side(share, counts)])

# %% [markdown]
# **What to look at:** on the left, how close the two upper lines run; their distance is the price of the constraint. On the
# right, what layer-wide choice does to single neurons: some keep many weights, some very few. Try `blocks.0.attn.qkv`,
# then a later block.
#
# A neuron that would keep next to nothing is hardly worth its place. SRigL *ablates* it, on purpose, and gives its links to
# the others: $K$ grows, and the layer stays at the same number of weights. That needs training, and
# [notebook 02](02_dynamic_sparse_training.ipynb) does it.

# %% [markdown]
# ## 4. Does it matter that K is constant?
#
# Let every link be there by chance, so that a neuron has $K$ inputs *on average*. The size $\lVert y \rVert^2$ of the
# layer's output then varies from draw to draw, more so than with exactly $K$ each. For $n$ inputs and outputs, weights
# scaled to keep $\mathrm{E}\lVert y \rVert^2 = 1$, and inputs that a ReLU has switched off half the time, the variances are
#
# $$\text{by chance: } \frac{5n - 8 + 18\,n/K}{n(n+2)}, \qquad \text{constant: the same} \;-\; \frac{3(n-K)}{K\,n(n+2)} .$$
#
# A formula is worth a check: draw layers, and measure.

# %%
n, draws, random = 16, 20_000, np.random.default_rng(0)


def measured(fan_in, constant):
    z = random.normal(size=(draws, n))
    z *= random.integers(0, 2, size=z.shape) / np.linalg.norm(z, axis=1, keepdims=True)
    chance = random.random((draws, n, n))
    links = chance.argsort(axis=2).argsort(axis=2) < fan_in if constant else chance < fan_in / n
    y = np.sqrt(2 / fan_in) * np.einsum("dij,dj->di", random.normal(size=links.shape) * links, z)
    return (y**2).sum(axis=1).var()


ks, some = np.arange(2, n + 1), [2, 3, 4, 6, 8, 12]
by_chance = (5 * n - 8 + 18 * n / ks) / (n * (n + 2))
lines = {"by chance": (by_chance, False), "constant": (by_chance - 3 * (n - ks) / (ks * n * (n + 2)), True)}
drawn = go.Figure()
for turn, (label, (line, constant)) in enumerate(lines.items()):
    colour = figures.COLOURS[turn]
    drawn.add_scatter(x=ks, y=line, name=f"{label}, formula", mode="lines", line_color=colour)
    dots = [measured(k, constant) for k in some]
    drawn.add_scatter(x=some, y=dots, name="measured", mode="markers", marker={"color": colour, "size": 9})
drawn.update_layout(template=figures.template(), height=340, xaxis_title="fan-in K, of 16", yaxis_title="variance")

# %% [markdown]
# **What to look at:** the dots lie close to the lines, and constant fan-in lies below. The gain is real and small, and
# largest where few links are left.

# %% [markdown]
# ## 5. The whole network
#
# Now every layer at once. `inner` leaves the first and the last layer whole, `all` condenses those too, `mlp` takes the
# feed-forward layers alone. For the first two every step was audited beforehand; `mlp` is computed while you wait, and its
# curve grows with every place where you rest.

# %%
dataset = data.load("fashion_mnist")
place = live.session("vit_fashion", dataset.test)
latest = live.Latest()
numbers, by_class, over_slider = widgets.HTML(), live_figure(), live_figure()
where = widgets.ToggleButtons(options=["inner", "all", "mlp"], description="layers")


def ask(sparsity):
    settings = {"sparsity": sparsity, "layers": where.value}
    latest.ask(
        tuple(settings.items()),
        lambda cancel: live.progressive_audit("condense", settings, dataset.test, cancel=cancel, model=place),
    )


def show(progress):
    value, known = slider.value, place.steps("condense", {"layers": where.value})
    curve = pd.DataFrame({value: progress.audit.summary, **known}).T
    numbers.value = cards(audit.headlines(progress.audit.summary))
    figures.redraw(by_class, figures.class_change(progress.audit.per_class))
    figures.redraw(over_slider, figures.slider_curve(curve, value=value, x_label="sparsity"))


slider = live_slider("sparsity", np.arange(50, 100) / 100, 0.8, ask)
where.observe(lambda _: ask(slider.value), "value")
widgets.VBox([where, slider, numbers, follow(latest, show), side_by_side(by_class, over_slider)])

# %% [markdown]
# **What to look at:** drag `inner` to the edge of its cliff, and see which classes fall first. Then switch to `all`: the
# first layer has few inputs and the last one decides the class; neither has weights to spare.

# %% [markdown]
# ## 6. Which layers bear it?
#
# Condense one part at a time, and leave the rest as it was. We choose by *validation* images: whoever chooses by test
# images has nothing left to judge the choice by.

# %%
few = dataset.validation.subset(np.random.default_rng(0).permutation(len(dataset.validation))[:512])
before = predict(model, few)
parts = {}
for path in layers:  # blocks.0.attn.qkv and blocks.0.attn.proj are one part
    parts.setdefault(".".join(path.split(".")[:3]), []).append(path)


def loss(paths):
    small = compress.condense(model, sparsity=0.9, layers=paths)
    found = audit.audit(small, few, reference=model, reference_logits=before, cost=False).summary
    return 100 * found[["accuracy_change", "accuracy_change_low", "accuracy_change_high"]].to_numpy()


alone = pd.DataFrame({name: loss(paths) for name, paths in parts.items()}, index=["value", "low", "high"]).T
drawn = figures.intervals(alone, label="change in accuracy, this part alone at sparsity 0.9", unit="pp")
drawn.update_layout(height=540)

# %% [markdown]
# **What to look at:** dots far left of 0 are parts that cannot be condensed for free. The patch embedding sees the image
# first: what it drops, nobody after it can bring back. It is also small, so there was little to gain.
#
# Leave whole what lost more than a point alone, and condense the rest together, on test images this time:

# %%
bears_it = [name for name in parts if alone.loc[name, "value"] > -1]
bear = [path for name in bears_it for path in parts[name]]
judges = dataset.test.subset(np.arange(1000))
before = predict(model, judges)
verdicts = {}
for name, paths in {"only what bears it": bear, "all inner layers": "inner"}.items():
    small = compress.condense(model, sparsity=0.9, layers=paths)
    found = audit.audit(small, judges, reference=model, reference_logits=before, seconds=0.05)
    verdicts[name] = widgets.HTML(f"<b>{name}</b>{cards(audit.headlines(found.summary))}")

print("left whole:", *[name for name in parts if name not in bears_it])
widgets.VBox(list(verdicts.values()))

# %% [markdown]
# **What to look at:** the accuracy of the two, and what the difference costs in bytes. Then compare what the parts lost alone
# with what they lose together: errors of many layers add up, so one figure cannot be read off the other.

# %% [markdown]
# ## 7. Is it faster?
#
# A condensed layer multiplies less. That alone makes nothing faster: a processor is quickest with numbers that stand side by
# side, and the inputs of a neuron stand anywhere. Here is how the layer multiplies:

# %%
print(inspect.getsource(FixedFanInLinear.forward))

# %% [markdown]
# We measure a layer of a large vision transformer, at sparsity 0.9, in every form that keeps the same weights: dense with its
# zeros, *ours*, the usual sparse matrices (CSR) of PyTorch and SciPy, and the *gather* of the paper's code,
# `(weight * x[:, index]).sum(-1)`. Everything a call does is in its time. The forms take turns on the same machine.

# %%
measured = Path("../benchmarks/results/fixed_fan_in.json")
if measured.is_file():
    timed = pd.DataFrame(json.loads(measured.read_text())["rows"])
else:  # nobody has run the benchmark on this machine: a shorter measurement
    timed = measure(3072, 768, 0.9, [1, 8, 64, 256])
figures.kernel_speed(timed.query("`in` == 3072 and out == 768 and sparsity == 0.9 and mode == 'inference'"))

# %% [markdown]
# **What to look at:** above 1 a form is faster than the dense layer, below 1 slower. Follow *ours* from one example to many.
# Then *gather*: it writes down every input that it picks before it multiplies, and the more examples, the more there is to
# write. And CSR, which may not count on rows of one length. The same links, the same products; what differs is the order
# in which numbers are fetched. To measure a layer of yours: `make app`, page *Speed*.
#
# A network does other things besides. What became of its bytes, multiplications and latency over the whole slider, each
# beside the uncompressed network:

# %%
steps = pd.DataFrame(place.steps("condense", {"layers": "inner"})).T
ratios = {"bytes": "bytes_ratio", "multiply-adds": "macs_ratio", "latency": "latency_ratio"}
drawn = go.Figure([go.Scatter(x=steps.index, y=100 * steps[key], name=name) for name, key in ratios.items()])
drawn.update_layout(template=figures.template(), height=340, xaxis_title="sparsity", yaxis_title="% of uncompressed")
drawn.update_yaxes(rangemode="tozero")

# %% [markdown]
# **What to look at:** how far each line falls, and where latency leaves the others. Bytes and multiplications are counted;
# latency is measured, for one example on the machine that audited the slider, so read it as a ratio.

# %% [markdown]
# ## 8. Honest limits
#
# **Bytes are saved for certain, time is not.** It depends on sparsity, batch size and processor, and on how much of a network's
# time its linear layers take. Whoever promises a factor has measured one case.
#
# **One shot, no training.** We dropped weights of a network that had learned to need them. SRigL trains under the constraint:
# every so often it drops the smallest links, grows new ones where the gradient asks for them, and ablates neurons. That
# is why published networks keep most of their accuracy where the slider above has long fallen off its cliff.
#
# **Try it:**
#
# - Give `"blocks.*.mlp.*"` instead of `bear` in section 6. How much smaller, how much worse?
# - Put `fan_in=` instead of `sparsity=` into `compress.condense`: every layer keeps the same number of links, wide or narrow.
# - On to [02 Dynamic sparse training](02_dynamic_sparse_training.ipynb), where links move while the network learns.
# - Back to [the tour](00_tour.ipynb), or `make app` for the same slider on your own network.
