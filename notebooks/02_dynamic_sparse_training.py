# %% [markdown]
# # Dynamic sparse training: connections that move while a network learns
#
# **Question.** [Notebook 01](01_condensed_sparsity.ipynb) made a trained network sparse, and above some sparsity its
# accuracy collapsed. Can a network be sparse *from the first step on*, and find out by itself which connections it needs?
#
# **Method.** In *dynamic sparse training* the weakest connections are dropped at regular intervals and as many new ones
# are added. The main example is SRigL ([Lasby et al., ICLR 2024](https://arxiv.org/abs/2305.02299)): every neuron has the
# same number of connections (a *fixed fan-in*, "constant fan-in" in the paper), and useless neurons may lose all of them.

# %%
import copy

import ipywidgets as widgets
import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit import data, figures, live, models, runs, sparsify
from labkit.cost import macs_by_module
from labkit.runs import sparse_training_results as findings
from labkit.sparsify.layer_table import distribution_table
from labkit.sparsify.memory import training_bytes
from labkit.sparsify.norm_variance import norm_variances
from labkit.sparsify.walkthrough import example_layer, srigl_steps
from labkit.training import accuracy

from controls import facts, follow, live_choice, live_figure, live_slider, page, results, side_by_side

torch.set_num_threads(1)  # enough for layers as small as these; the page keeps the other processor
page()

# %% [markdown]
# ## 1. The idea: prune and grow
#
# A *connection* is a weight that may differ from zero. A *rule* says which connections there are, and how they change:
#
# - **static**: drawn at random before training, and kept; **SET** drops the smallest weights and adds random connections;
# - **RigL** drops the smallest and adds those of largest *gradient*;
# - **SRigL** is RigL with a fixed fan-in; neurons without salient connections are *ablated*;
# - **GMP**, for comparison, starts dense and prunes the smallest weights gradually.
#
# Connections change every $\Delta T$ steps until $T$, three quarters of the training. The replaced fraction falls along a
# cosine from $\alpha = 0.3$: $\frac{\alpha}{2}\left(1 + \cos\frac{\pi t}{T}\right)$.

# %%
steps, sparsity = 900, 0.95
plan = sparsify.Schedule(total_steps=steps, every=25)
changes = [step for step in range(steps) if plan.updates_at(step)]
gradual = {t: 1 - sparsify.cubic_sparsity(t, begin=0, end=changes[-1], final=sparsity) for t in range(steps + 1)}
others = {step: {"density": 1 - sparsity, "replaced fraction of connections": plan.share(step)} for step in changes}
table = {"GMP": pd.DataFrame({"density": gradual}), "static, SET, RigL, SRigL": pd.DataFrame(others).T}
figures.panels(pd.concat(table), kind="lines", x_label="step")

# %% [markdown]
# **What to look at:** GMP ends at the same density, but for much of the training it has many more connections.
#
# ## 2. The training loop
#
# A perceptron 784-300-100-10 learns handwritten digits. The loop is plain PyTorch with three lines of labkit: create a
# *sparsifier*, attach the optimizer, and call `step()` after `optimizer.step()`.

# %%
digits = data.load("mnist")
inputs, labels = digits.train.inputs(slice(20_000)), torch.as_tensor(digits.train.labels[:20_000])

torch.manual_seed(0)
untrained = models.get_recipe("mlp_mnist").build()


def prepare(rule, value=sparsity, **settings):
    learner = copy.deepcopy(untrained)
    moving = sparsify.make_sparse(learner, rule, sparsity=value, total_steps=steps, **settings)
    optimizer = torch.optim.Adam(learner.parameters(), lr=2e-3)
    moving.attach(optimizer)
    return learner, moving, optimizer


def train(learner, moving, optimizer, draw, count=1):
    for _ in range(count):
        rows = torch.randint(len(inputs), (64,), generator=draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(learner(inputs[rows]), labels[rows]).backward()
        optimizer.step()
        moving.step()  # updates the connections when it is time


network, sparsifier, optimizer = prepare("srigl", update_every=25, gamma_sal=0.7)
history, draw = [sparsifier.report().assign(step=0)], torch.Generator().manual_seed(0)
for step in range(25, steps + 1, 25):
    train(network, sparsifier, optimizer, draw, count=25)
    history.append(sparsifier.report().assign(step=step))

print(f"test accuracy {accuracy(network, digits.test):.2%}")
sparsifier.report()

# %% [markdown]
# One row per layer: `active` of its `outputs` neurons have connections, `fan_in` each; `explored` is the fraction of all
# positions that were connected at some time. From the first to the last step:

# %%
figures.layer_states(pd.concat(history).reset_index(), what="active")

# %% [markdown]
# **What to look at:** a line to the left is a layer with ablated neurons. The table shows its fan-in: their connections
# went to the others. The last layer keeps every neuron, one per class; section 4 explains its low sparsity.

# %% [markdown]
# ## 3. Live training
#
# The same loop as a *generator*, which yields its state every 20 steps and stops when another setting is chosen.

# %%
judges = digits.validation.subset(slice(1000))


def learn(cancel, rule, update_every, **own):
    setting = ", ".join([rule, f"every {update_every}", *(f"{name} {value:g}" for name, value in own.items())])
    training, draw = prepare(rule, update_every=update_every, **own), torch.Generator().manual_seed(0)
    layers, right = [], {}
    for step in range(0, steps + 1, 20):
        layers.append(training[1].report().assign(step=step))
        right[step] = accuracy(training[0], judges)
        state = {"setting": setting, "step": step, "layers": pd.concat(layers), "right": pd.Series(right)}
        yield state | {"mask": training[1].masks["fc1.weight"].numpy().copy()}
        for _ in range(20):
            if cancel.is_set():  # another setting was chosen
                return
            train(*training, draw)


# %% [markdown]
# A neuron of the first layer has an input for each of the $28 \times 28$ pixels, so its connections are an image. Left:
# the sum over all neurons. Middle: single neurons. Right: the course of the training. Connections change every
# `update_every` steps; a neuron is ablated when fewer than the fraction `gamma_sal` of its fan-in are salient (section 5).
# Move either slider, also while it trains:

# %%
latest, now, finished = live.Latest(), {"rule": "srigl", "gamma_sal": 0.7}, {}
numbers, pixels, tiles, course = widgets.HTML(), live_figure(), live_figure(), live_figure()


def ask(**change):
    now.update(change)
    own = {"gamma_sal": now["gamma_sal"]} if now["rule"] == "srigl" else {}
    setting = {"rule": now["rule"], "update_every": int(now["update_every"]), **own}
    latest.ask(tuple(setting.items()), lambda cancel: learn(cancel, **setting))


def choose(rule):
    gamma.disabled = rule != "srigl"
    ask(rule=rule)


def show(state):
    if state["step"] == steps:
        finished[state["setting"]] = state["right"]
    earlier = tuple(line for setting, line in finished.items() if setting != state["setting"])
    layers = state["layers"].rename_axis("layer").reset_index()
    progress = figures.training_progress(layers, accuracy=state["right"], earlier=earlier, steps=steps)
    figures.redraw(pixels, figures.input_density(state["mask"]))
    figures.redraw(tiles, figures.neuron_mosaic(state["mask"]))
    figures.redraw(course, progress)
    first, spread = layers[layers["step"] == state["step"]].set_index("layer").loc["fc1.weight"], pixels.data[0].z
    cards = {
        "validation accuracy": (f"{state['right'].iloc[-1]:.1%}", f"of {len(judges):,} digits"),
        "fc1: active neurons": (f"{first['active']:.0f}", f"of {first['outputs']:.0f}"),
        "fc1: fan-in": (f"{first['fan_in']:.1f}", "connections per active neuron"),
        "fc1: density in the centre": (f"{np.mean(spread[6:22, 6:22]):.2f} ×", "relative to even"),
    }
    numbers.value = facts(cards)


def tell(state):
    step = state["step"]
    return f"{state['setting']}: " + (f"step {step} of {steps}" if step < steps else f"all {steps} steps")


every = live_slider("update_every", [5, 10, 25, 50, 100, 200], 25, lambda value: ask(update_every=value))
gammas = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
gamma = live_slider("gamma_sal", gammas, 0.7, lambda value: ask(gamma_sal=value))
rule = live_choice(["srigl", "rigl", "set", "static", "gmp"], choose)
line = follow(latest, show, tell)
widgets.VBox([rule, every, gamma, numbers, line, side_by_side(pixels, tiles, course)])

# %% [markdown]
# **What to look at:** *connections move to the centre*, where the digits are: a pixel that is always black has no gradient,
# so nothing grows there; but a large weight that starts there is never small enough to be dropped. *Tiles go blank* when
# their neuron is ablated, and the others get denser: from which `gamma_sal` on? `set` grows at random, `gmp` only prunes:
# how far do their connections move? *Accuracy*, grey for earlier settings: which differ by more than their own noise?
#
# ## 4. Distributing the sparsity over layers
#
# **Uniform** gives every layer the same density. **ERK** (Erdős-Rényi kernel) gives a layer of shape $s$ a density in
# proportion to $\sum_i s_i / \prod_i s_i$: small layers keep more. Here for a residual network of convolutions:

# %%
latest.wait(300)  # the counting of multiplications would include those of a training in the background
convolutions = models.load("resnet_fashion")
image, shares = torch.zeros(1, 1, 28, 28), live_figure()
macs = macs_by_module(convolutions, image)


def distribute(value):
    table = distribution_table(convolutions, image, value, macs=macs)
    figures.redraw(shares, figures.layer_densities(table))


widgets.VBox([live_slider("sparsity", [*np.arange(50, 99) / 100, 0.985, 0.99], 0.9, distribute), shares])

# %% [markdown]
# **What to look at:** at equal sparsity the two need different numbers of multiplications: ERK leaves small layers denser,
# and in a convolutional network some of those process every pixel. Drag to the right: which layer is the next with less
# than one connection per neuron (dotted line)? labkit then refuses a fixed fan-in; keep such a layer dense with `exclude=`.
#
# ## 5. One update, step by step
#
# A layer of six neurons with eight inputs and $n$ connections, of which the fraction $\zeta$ is replaced (here a half):
#
# 1. **Salient** are the $n - \zeta n$ largest weights of the layer, and the $\zeta n$ entries of largest gradient.
# 2. **Ablate** neurons with fewer salient entries than $\gamma_\text{sal}$ times the fan-in, if the others can hold $n$.
# 3. **Prune** all but the $n - \zeta n$ largest weights of the active neurons.
# 4. **Grow** each of them to the new fan-in, $n$ over their number, where its gradient is largest.
#
# `labkit.sparsify.walkthrough.srigl_steps` is this update in a dozen lines, tested against the one that trains.

# %%
film = live_figure()


def step_by_step(gamma_sal):
    found = srigl_steps(*example_layer(), share=0.5, gamma_sal=gamma_sal)
    figures.redraw(film, figures.update_steps(found._asdict()))


widgets.VBox([live_slider("gamma_sal", np.arange(0, 1, 0.05), 0.75, step_by_step), film])

# %% [markdown]
# **What to look at:** follow one neuron through the panels. Violet is kept for its weight, green has a large gradient;
# pink is pruned, grey ablated. Pruning is layer-wide, so neurons lose different numbers; growing gives all the same
# number again. Drag to the left: where do ablated neurons come back, and how does the fan-in of the others change?
#
# ## 6. Does a fixed fan-in matter?
#
# How evenly does a signal pass through a sparse layer? Take $n$ inputs and outputs, $k$ connections per output on average,
# weights scaled to $\mathrm{E}\lVert y \rVert^2 = 1$, inputs after a ReLU. The *variance* of $\lVert y \rVert^2$ depends
# on how connections are drawn (Lasby et al., section 3 and appendix):
#
# $$\text{each with probability } \tfrac{k}{n}: \;\; V_1 = \frac{5n - 8 + 18\,\frac{n}{k}}{n(n+2)}, \qquad
# k \text{ for every output}: \;\; V_3 = V_1 - \frac{3(n-k)}{k\,n(n+2)}$$
#
# and between the two for $nk$ connections anywhere in the layer. Check by simulation, in the background:

# %%
simulation, variances = live.Latest(), live_figure()


def show_variances(table):
    labels = {"x_label": f"connections k per output, of {table.attrs['n']}", "y_label": "variance relative to V₁"}
    figures.redraw(variances, figures.formula_check(table, log_x=True, **labels))


size = live_slider("n", [4, 8, 16, 24, 32], 16, lambda n: simulation.ask(n, lambda cancel: norm_variances(int(n))))
told = follow(simulation, show_variances, lambda table: f"n = {table.attrs['n']}: round {table.attrs['rounds']}")
widgets.VBox([size, told, variances])

# %% [markdown]
# **What to look at:** lines are the formulas, dots the simulation with 95 % intervals, all divided by $V_1$. The fewer
# connections, the more a fixed fan-in reduces the variance. Drag $n$: the gain belongs to small fan-ins.
#
# ## 7. Accuracy against cost
#
# A single training says little. labkit's benchmark trains two networks on Fashion-MNIST: each rule and sparsity with
# several *seeds*, with the same recipe. Runs of equal seed see the same batches and are compared in pairs.

# %%
columns = ["network", "rule", "sparsity", "gamma_sal", "seed", "accuracy", "active", "neurons_at_first"]
trainings = findings.with_shares(
    results("dynamic_sparse_training", [*columns, "training_gflops", "dense_training_gflops"])
)
usual = runs.usual_settings(trainings)  # without the sweep over gamma_sal
by_sparsity, by_flops, pairs, told = live_figure(), live_figure(), live_figure(), widgets.HTML()


def compare(network):
    rows = usual[usual["network"] == network]
    cells = findings.cell_means(rows, ["rule", "sparsity"])
    told.value = findings.summary_of_trainings(rows)
    dense, sparse = cells[cells["rule"] == "dense"], cells[cells["rule"] != "dense"]
    figures.redraw(by_sparsity, figures.sparsity_accuracy(sparse, dense=None if dense.empty else dense.iloc[0]))
    figures.redraw(by_flops, figures.flops_accuracy(cells.rename(columns={"training_share": "share"})))
    figures.redraw(pairs, figures.rule_contrasts(runs.contrasts(rows)))


widgets.VBox([live_choice(trainings["network"].unique(), compare), told, side_by_side(by_sparsity, by_flops), pairs])

# %% [markdown]
# **What to look at:** dots are means over seeds, whiskers 95 % intervals (Student's $t$). Left, accuracy over sparsity;
# right, over the FLOPs of the *training*, if zeros cost nothing. Where does GMP stand in each? Below, SRigL minus others,
# seed by seed: an interval that contains 0 leaves open which is better. The paper claims that SRigL matches RigL, and that
# ablation pays at high sparsity. Do these short trainings of small networks agree?
#
# How does `gamma_sal` matter? The transformer at one sparsity:

# %%
sweep = findings.parameter_sweeps(trainings.query("network == 'vit_fashion'"))[0]
figures.parameter_accuracy(sweep.cells, parameter=sweep.parameter)

# %% [markdown]
# **What to look at:** below each value, the share of neurons without connections. The paper's transformers need a much
# higher `gamma_sal` than its convolutions. Do these intervals agree?
#
# ## 8. Condensed storage
#
# A *masked* layer stores all weights, zeros included, and so do gradients and moments. With a fixed fan-in,
# `storage="condensed"` trains the layers of notebook 01 instead:

# %%
memory = live_figure()


def hold(value):
    held = {}
    for storage in ("masked", "condensed"):
        learner, moving, optimizer = prepare("srigl", value, storage=storage)
        train(learner, moving, optimizer, torch.Generator().manual_seed(0))
        held[storage] = training_bytes(learner, moving, optimizer)
    figures.redraw(memory, figures.stacked_bars(pd.DataFrame(held).T / 1e3, label="held between steps", unit="kB"))


widgets.VBox([live_slider("sparsity", [*np.arange(50, 99) / 100, 0.985, 0.99], sparsity, hold), memory])

# %% [markdown]
# **What to look at:** masked training stays the same, condensed training shrinks with the connections. (An update needs
# the gradient of *all* entries, which is computed in parts and discarded.) Both learn the same, up to rounding.
#
# `compress.condense(network)` does it for a network that was trained masked. An ablated neuron keeps a row of zeros and
# still outputs its bias; a layer of which more than half is nonzero stays dense.
#
# ## 9. Limits
#
# At equal steps sparse training learns more slowly than dense training, and published trainings are long: look at the
# intervals of section 7 before you believe a ranking. FLOPs are not time: a masked layer multiplies by its zeros, a
# condensed one is faster for some shapes only. Choose $\Delta T$, $\alpha$, $\gamma_\text{sal}$ on validation data.
#
# **Try it:** section 3 with `data.load("fashion_mnist")`; `fan_in={"fc1": 20}` or `trained=True` in `sparsify.srigl(…)`;
# `labkit train mlp_mnist --sparsify srigl --sparsity 0.95 --epochs 2`; `make app`, page *Training*. On to
# [03 Shared bases](03_fips.ipynb), or back to [the tour](00_tour.ipynb).
