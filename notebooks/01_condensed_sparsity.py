# %% [markdown]
# # Condensed sparsity: the same number of inputs for every neuron
#
# **Question.** Most weights of a trained network hardly matter. Set them to zero and the network is *sparse*. But a stored
# zero takes as many bytes, and as much time, as any other number. How must a layer be sparse to become smaller?
#
# **Method.** *Fixed fan-in*: every neuron keeps the same number of inputs. Lasby et al. train networks that way
# ([Dynamic Sparse Training with Structured Sparsity](https://arxiv.org/abs/2305.02299), ICLR 2024, "SRigL"; they call it
# constant fan-in). This notebook takes a trained network and looks at the *condensed* form in which such a layer is stored.

# %%
import inspect

import ipywidgets as widgets
import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit import audit, compress, data, figures, live, models
from labkit.compress.theory import fan_in_by_magnitude, magnitude_kept
from labkit.cost import cost
from labkit.kernels.speed import measure
from labkit.layers import FixedFanInLinear
from labkit.sparsify.norm_variance import norm_variances
from labkit.training import predict

from controls import cards, follow, live_figure, live_slider, page, results, side_by_side

page()

# %% [markdown]
# ## 1. The idea in a picture
#
# A linear layer is a matrix with one row per neuron and one column per input. With fixed fan-in $K$, every row keeps $K$
# weights, here its largest. They are stored without gaps: a small matrix of *weights* and one with the *index* of the input
# of each weight.

# %%
torch.manual_seed(1)
toy = nn.Linear(8, 6)


def picture(fan_in):
    small = FixedFanInLinear.from_dense(toy, fan_in=fan_in)
    dense, weights = (layer.detach().numpy() for layer in (small.to_dense().weight, small.weight))
    return figures.condensed_layer({"masked": dense, "weights": weights, "index": small.index.numpy()})


shown = live_figure()
fan_in = live_slider("fan-in K", range(1, 9), 3, lambda k: figures.redraw(shown, picture(int(k))))
widgets.VBox([fan_in, shown])

# %% [markdown]
# **What to look at:** the nonzeros of a row on the left are in the middle, their columns on the right. Every row of the
# condensed form is full. Drag: how many bytes do the two parts take together, and from which fan-in on is that *more* than
# the matrix on the left?

# %% [markdown]
# ## 2. The equation, and its bytes
#
# With weights $W$ and index $I$, both $N \times K$, neuron $n$ of the layer gives
#
# $$y_n = b_n + \sum_{k=1}^{K} W_{n,k}\; x_{I_{n,k}} .$$
#
# Compare with labkit's layer:

# %%
small = FixedFanInLinear.from_dense(toy, fan_in=3)
x = torch.randn(5, 8)
by_hand = small.bias + (small.weight * x[:, small.index.long()]).sum(-1)
print("the same:", torch.allclose(by_hand, small(x), atol=1e-6))

# %% [markdown]
# In the paper a neuron without inputs is *ablated*: the layer has one output fewer. Here every output remains, and such a
# neuron outputs its bias $b_n$, so the layer can replace the old one.
#
# A dense layer with $D$ inputs takes $4ND$ bytes, the condensed one 4 bytes per weight and $i$ per index, $(4 + i)NK$ in
# all, where $i = 2$ suffices for 65,536 inputs. It is smaller where the sparsity $1 - K/D$ is above $i / (4 + i)$. Count the
# bytes of a layer of the trained network:

# %%
model = models.load("vit_fashion")
layer = model.blocks[0].mlp.fc1
x = torch.zeros(1, layer.in_features)
dense_bytes = cost(layer, x, seconds=0).total_bytes
fan_ins = {s: round(layer.in_features * (1 - s)) for s in np.linspace(0, 0.98, 50)}
condensed = {s: FixedFanInLinear.from_dense(layer, fan_in=fan_in) for s, fan_in in fan_ins.items()}
sizes = pd.DataFrame({s: cost(small, x, seconds=0).bytes for s, small in condensed.items()}).T / 1e3

index_bytes = condensed[0].index.element_size()
print(f"smaller above sparsity {index_bytes / (4 + index_bytes):.3f} by the equation,", end=" ")
print(f"from {(sizes.sum(axis=1) * 1e3 < dense_bytes).idxmax():.2f} on by the count")
kinds, limits = sizes[["values", "indices"]], {"dense": dense_bytes / 1e3}
figures.lines(kinds, x_label="sparsity", y_label="size (kB)", limits=limits, stacked=True)

# %% [markdown]
# **What to look at:** the stack crosses the dotted line. Left of it a condensed layer is *larger* than the dense one.
# Indices are a third of its bytes at any sparsity.

# %% [markdown]
# ## 3. Which weights stay?
#
# The simplest criterion keeps the weights of largest magnitude $|w|$: **layer-wide** (unstructured), the largest of the
# whole layer; or **per neuron** (fixed fan-in), the largest $K$ of each row. Layer-wide keeps the most magnitude that can be
# kept. What does the constraint cost?

# %%
layers = compress.select_layers(model, "inner", (nn.Linear, nn.Conv2d))
share, counts = live_figure(), live_figure()


def compare(name, sparsity):
    weight = layers[name].weight
    kept = magnitude_kept(weight)
    labels = {"y_label": "magnitude kept (%)", "guides": ["at random"], "mark": sparsity}
    figures.redraw(share, figures.lines(kept, **labels))
    fan_in = max(1, round(len(kept) * (1 - sparsity)))
    table = {"layer-wide": fan_in_by_magnitude(weight, fan_in), "per neuron": fan_in}
    drawn = figures.lines(pd.DataFrame(table), x_label="neurons, in order", y_label="weights kept")
    figures.redraw(counts, drawn)


which = widgets.Dropdown(options=list(layers), value="blocks.0.mlp.fc1", description="layer")
how_sparse = live_slider("sparsity", np.arange(50, 100) / 100, 0.9, lambda value: compare(which.value, value))
which.observe(lambda move: compare(move["new"], how_sparse.value), "value")
widgets.VBox([which, how_sparse, side_by_side(share, counts)])

# %% [markdown]
# **What to look at:** on the left, the distance between the two upper lines is the price of the constraint. On the right,
# layer-wide selection leaves some neurons many weights and some very few. Try `blocks.0.attn.qkv`, then a later block.
#
# SRigL *ablates* a neuron that would keep very few, and gives its connections to the others: $K$ grows, and the layer keeps
# the same number of weights. That needs training; see [notebook 02](02_dynamic_sparse_training.ipynb).

# %% [markdown]
# ## 4. Does it matter that K is fixed?
#
# If every connection is present by chance, a neuron has $K$ inputs only *on average*, and the norm $\lVert y \rVert^2$ of
# the output varies more from draw to draw. For $n$ inputs and outputs, weights scaled to $\mathrm{E}\lVert y \rVert^2 = 1$,
# and inputs after a ReLU, the variances are (Lasby et al., section 3)
#
# $$\text{by chance: } \frac{5n - 8 + 18\,n/K}{n(n+2)}, \qquad \text{fixed: the same} \;-\; \frac{3(n-K)}{K\,n(n+2)} .$$

# %%
*_, variances = norm_variances(16, rounds=4)
figures.formula_check(variances, x_label="fan-in K, of 16", y_label="variance relative to chance", log_x=True)

# %% [markdown]
# **What to look at:** dots are simulated with 95 % intervals and lie close to the lines of the formulas. The gain of a fixed
# fan-in is real but small, and largest where few connections are left.

# %% [markdown]
# ## 5. The whole network
#
# Now every layer at once. `inner` excludes the first and the last layer, `all` includes them, `mlp` means the feed-forward
# layers. For the first two, every step has been audited in advance; `mlp` is computed live, and its curve grows with every
# value you stop at.

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
# **What to look at:** drag `inner` to the sparsity where accuracy collapses. Which classes are affected first? Then switch
# to `all`: the first layer has few inputs and the last one decides the class; neither has weights to spare.

# %% [markdown]
# ## 6. Which layers tolerate it?
#
# Condense one part at a time. We select on *validation* images, so that test images remain for an unbiased evaluation.

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
figures.intervals(alone, label="change in accuracy, this part alone at sparsity 0.9", unit="pp").update_layout(
    height=540
)

# %% [markdown]
# **What to look at:** dots far left of 0 are parts that lose accuracy. What the patch embedding drops, no later layer can
# recover; it is also small, so there is little to gain. Keep the parts that lost more than a point, and condense the rest,
# evaluated on test images:

# %%
chosen = [name for name in parts if alone.loc[name, "value"] > -1]
tolerant = [path for name in chosen for path in parts[name]]
judges = dataset.test.subset(np.arange(1000))
before = predict(model, judges)
verdicts = {}
for name, paths in {"tolerant layers only": tolerant, "all inner layers": "inner"}.items():
    small = compress.condense(model, sparsity=0.9, layers=paths)
    found = audit.audit(small, judges, reference=model, reference_logits=before, seconds=0.05)
    verdicts[name] = widgets.HTML(f"<b>{name}</b>{cards(audit.headlines(found.summary))}")

print("kept dense:", *[name for name in parts if name not in chosen])
widgets.VBox(list(verdicts.values()))

# %% [markdown]
# **What to look at:** the accuracy of the two, and the difference in bytes. Compare the losses of the parts alone with those
# together: errors of many layers add up, so one cannot be predicted from the other.

# %% [markdown]
# ## 7. Is it faster?
#
# A condensed layer multiplies less. That alone does not make it faster: processors are fast on contiguous numbers, and the
# inputs of a neuron are anywhere. This is the forward pass:

# %%
print(inspect.getsource(FixedFanInLinear.forward))

# %% [markdown]
# We time a layer of a large vision transformer at sparsity 0.9 in implementations with the same weights: dense with zeros,
# *ours*, the sparse matrices (CSR) of PyTorch and SciPy, and the *gather* of the paper's code,
# `(weight * x[:, index]).sum(-1)`. Measurements alternate on one machine and include everything a call does.

# %%
columns = ["in", "out", "sparsity", "mode", "batch", "what", "median_us", "low_us", "high_us"]
timed = results("fixed_fan_in", columns)
if timed.empty:  # the benchmark has not been run: a shorter measurement
    timed = measure(3072, 768, 0.9, [1, 8, 64, 256])
figures.kernel_speed(timed.query("`in` == 3072 and out == 768 and sparsity == 0.9 and mode == 'inference'"))

# %% [markdown]
# **What to look at:** above 1 an implementation is faster than the dense layer, below 1 slower. Follow *ours* from one
# example to many; *gather*, which writes every selected input to memory first; and CSR, which cannot rely on rows of equal
# length. The products are the same, the memory access differs. To time your own layer: `make app`, page *Speed*.
#
# Bytes, multiplications and latency of the whole network over the slider, relative to the uncompressed one:

# %%
steps = pd.DataFrame(place.steps("condense", {"layers": "inner"})).T
ratios = {"bytes_ratio": "bytes", "macs_ratio": "multiply-adds", "latency_ratio": "latency"}
table = 100 * steps[list(ratios)].astype(float).rename(columns=ratios)
figures.lines(table, x_label="sparsity", y_label="% of uncompressed")

# %% [markdown]
# **What to look at:** how far each line falls, and where latency departs from the others. Bytes and multiplications are
# counted; latency is measured, for one example on the machine that audited the slider.

# %% [markdown]
# ## 8. Limits
#
# **Bytes are saved for certain, time is not.** It depends on sparsity, batch size and processor, and on the share of the
# linear layers in the time of the network.
#
# **One shot, no training.** We dropped weights that the network had learned to use. SRigL trains under the constraint, and
# published networks keep most of their accuracy where the slider above has long collapsed.
#
# **Try it:**
#
# - `"blocks.*.mlp.*"` instead of `tolerant` in section 6. How much smaller, how much worse?
# - `fan_in=` instead of `sparsity=` in `compress.condense`: every layer gets the same fan-in, wide or narrow.
# - On to [02 Dynamic sparse training](02_dynamic_sparse_training.ipynb), where connections move while the network learns.
# - Back to [the tour](00_tour.ipynb), or `make app` for the same slider on your own network.
