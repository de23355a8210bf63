# %% [markdown]
# # A tour of labkit
#
# **The question.** A trained network is often larger than it has to be. Make it smaller and something is lost. How much, and *who*
# loses it?
#
# You will look at one network and its compressed versions, then drag a slider and watch accuracy, classes, size and latency change
# *while* you drag. No figure in this notebook is typed in: each comes out of the cell above it.
#
# Choose **Run ▸ Run All Cells** and scroll down. It takes about half a minute and needs no internet.

# %%
from pathlib import Path
from tempfile import mkdtemp

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go
import torch
from controls import beside, cards, follow, live_slider
from IPython.display import Image
from torch import nn

from labkit import audit, compress, data, figures, live, models, runs

# %% [markdown]
# ## 1. A trained network
#
# A small vision transformer that tells ten kinds of garment apart. Its weights were chosen on validation data; the test images are
# the ones we judge it by.

# %%
dataset = data.load("fashion_mnist")
card = models.cards()["vit_fashion"]
print(f"{card.title}: {card.parameters:,} parameters, {card.test_accuracy:.2%} of {card.test_examples:,} test images right")

folder = Path(mkdtemp())
Image(data.picture_grid(dataset.test, folder / "garments.png", per_class=16), width=720)

# %% [markdown]
# **What to look at:** shirts, T-shirts, pullovers and coats share one outline. A network that loses a little will lose it there first.

# %% [markdown]
# ## 2. Its compressed versions
#
# labkit ships the audits of many compressed versions, made by three methods: `condense` (each neuron keeps its largest weights),
# `low_rank` (two thin matrices instead of one), `quantize` (a byte a weight). None was trained again afterwards.

# %%
library = runs.Library(runs.gallery())
versions = library.table("vit_fashion")
uncompressed = library.reference("vit_fashion")
everything = pd.concat([uncompressed, versions]).assign(reference=lambda table: table.index == "vit_fashion")

figures.pareto(everything, x="bytes", x_label="size", x_unit="MB", scale=1e6)

# %% [markdown]
# **What to look at:** up is more accurate, left is smaller. Nothing beats a point on the grey line in both. Hover over a point to
# read its settings: versions of the same size can be far apart in accuracy.
#
# One number hides who pays. The same versions again, class by class:

# %%
order = versions.sort_values(["series", "bytes"], ascending=[True, False]).index
names = versions["label"]
change, affected = library.class_changes(order)
figures.class_change_heatmap(change.rename(index=names), affected.rename(index=names))

# %% [markdown]
# **What to look at:** a row is a version, a column a class. Orange lost, blue gained; a star marks a change beyond chance. A version
# with almost the same accuracy may still have given up one class and won another.
#
# So which version would you take? Say what you can bear, and let labkit find the smallest that keeps to it.

# %%
advice = widgets.HTML()


def advise(points):
    found = runs.recommend(versions, accuracy_drop=points / 100, affected_classes=None)
    advice.value = f"<b>{names.get(found.id, 'the uncompressed network')}</b>: {found.reason}."


drop = live_slider("accuracy may drop by (pp)", [step / 10 for step in range(51)], 1.0, advise)
widgets.VBox([drop, advice])

# %% [markdown]
# **What to look at:** drag slowly and note where the advice changes. Then replace `affected_classes=None` by `0`, run the cell again,
# and see what the demand that *no class* changes costs in bytes.

# %% [markdown]
# ## 3. Drag the slider
#
# `condense` drops a share of every neuron's weights: the **sparsity**. `layers="inner"` leaves the first and the last layer whole.
# Every step of this slider was audited beforehand on all test images, so the answer comes at once.

# %%
place = live.session("vit_fashion", dataset.test)
known = place.steps("condense", {"layers": "inner"})  # sparsity -> what its audit found
curve = pd.DataFrame(known).T
numbers, by_class, over_slider = widgets.HTML(), go.FigureWidget(), go.FigureWidget()


def show(sparsity):
    settings = {"sparsity": sparsity, "layers": "inner"}
    found = next(live.progressive_audit("condense", settings, dataset.test, model=place)).audit
    numbers.value = cards(audit.headlines(found.summary))
    figures.redraw(by_class, figures.class_change(found.per_class))
    figures.redraw(over_slider, figures.slider_curve(curve, value=sparsity, x_label="sparsity"))


slider = live_slider("sparsity", known, 0.5, show)
widgets.VBox([slider, numbers, beside(by_class, over_slider)])

# %% [markdown]
# **What to look at:** drag from left to right without letting go (or click the handle and use the arrow keys). For a while nothing
# happens to the accuracy, yet single classes already move beyond chance (the orange bars with a dot). Then comes a cliff. Size falls
# in a straight line all the way. Latency does not: today's layer still multiplies by a full matrix, as notebook 01 explains.

# %% [markdown]
# ## 4. A setting nobody has audited
#
# Off the grid labkit compresses and audits while you wait, and answers early: first from a few images, then from twice as many, and
# so on. The images are shuffled once, so that the first ones are a fair sample.

# %%
settings = {"sparsity": 0.9, "layers": "mlp"}
answers = list(live.progressive_audit("condense", settings, dataset.test, model=place))
limits = ["accuracy", "accuracy_low", "accuracy_high"]
seen = pd.DataFrame({f"{found.examples:,} images": 100 * found.audit.summary[limits] for found in answers}).T
figures.intervals(seen.set_axis(["value", "low", "high"], axis=1), label="accuracy")

# %% [markdown]
# **What to look at:** the intervals narrow from top to bottom, and the early ones hold what the last one says (19 times in 20, that
# is what 95 % means).
#
# The same as a slider. The work runs in the background: a new move cancels the old one, and the figures narrow once you rest.

# %%
latest = live.Latest()
numbers_so_far, class_so_far = widgets.HTML(), go.FigureWidget()


def ask(sparsity):
    settings = {"sparsity": sparsity, "layers": "mlp"}
    latest.ask(sparsity, lambda cancel: live.progressive_audit("condense", settings, dataset.test, cancel=cancel, model=place))


def show_so_far(progress):
    numbers_so_far.value = cards(audit.headlines(progress.audit.summary))
    figures.redraw(class_so_far, figures.class_change(progress.audit.per_class))


free_slider = live_slider("sparsity", known, 0.9, ask)
widgets.VBox([free_slider, numbers_so_far, follow(latest, show_so_far), class_so_far])

# %% [markdown]
# **What to look at:** the whiskers shrink and the bars settle while more images come in. Go back to a sparsity you have visited: it
# is remembered. Compare with section 3: the feed-forward layers alone bear far more than all inner layers together.

# %% [markdown]
# ## 5. Which groups pay?
#
# Classes are not the only ones who can lose. This small network guesses from census rows whether somebody earns more than 50,000
# dollars; its audits also say how it treats women and men.

# %%
census = data.load("adult")
guesser = models.load("mlp_adult")
table = library.table("mlp_adult").sort_values(["series", "bytes"], ascending=[True, False])
verdicts = {"uncompressed": audit.audit(guesser, census.test, seconds=0.05)}
verdicts |= {label: library.audit(run) for run, label in table["label"].items()}
gaps = pd.DataFrame({label: found.fairness.loc[("sex", "equalized_odds_difference")] for label, found in verdicts.items()}).T
figures.intervals(100 * gaps.astype(float), label="equalized odds gap between women and men", unit="pp")

# %%
group_numbers, by_group = widgets.HTML(), go.FigureWidget()


def show_groups(label):
    group_numbers.value = cards(audit.headlines(verdicts[label].summary))
    figures.redraw(by_group, figures.group_rates(verdicts[label].by_group, "sex"))


choice = widgets.ToggleButtons(options=list(verdicts))
choice.observe(lambda move: show_groups(move["new"]), "value")
show_groups(choice.value)
widgets.VBox([choice, group_numbers, by_group])

# %% [markdown]
# **What to look at:** the grey lines are the gaps between the groups. Click through the versions, and stop at the one whose equalized
# odds gap is smallest in the figure above. Then read its accuracy: a gap closes also when a network treats everybody equally badly.

# %% [markdown]
# ## 6. Your own network, in three lines
#
# Any `nn.Module` that takes images in [0, 1] and gives a score a class will do. Here is one, trained for a moment:

# %%
torch.manual_seed(0)
yours = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
inputs, labels = dataset.train.inputs(slice(20_000)), torch.as_tensor(dataset.train.labels[:20_000])
optimizer = torch.optim.Adam(yours.parameters(), lr=2e-3)
for rows in torch.randperm(len(inputs)).split(100):
    optimizer.zero_grad()
    nn.functional.cross_entropy(yours(inputs[rows]), labels[rows]).backward()
    optimizer.step()

# %% [markdown]
# Compress it, audit it beside the original, keep the run:

# %%
small = compress.condense(yours, sparsity=0.8)
verdict = audit.audit(small, dataset.test, reference=yours, seconds=0.05)
run = runs.Store(folder / "runs").save(small, audit=verdict, config={"method": "condense", "parameters": {"sparsity": 0.8}})

widgets.HTML(cards(audit.headlines(verdict.summary)))

# %% [markdown]
# A run is a folder that other programs read too. labkit rebuilds the network from it:

# %%
print(*sorted(path.name for path in run.folder.iterdir()))
again, _ = runs.Store(folder / "runs").load(run.id)
x = dataset.test.inputs(slice(100))
print("the stored network gives the same scores:", torch.equal(again(x), small(x)))

# %% [markdown]
# ## 7. Where to go next
#
# - **[01 Condensed sparsity](01_condensed_sparsity.ipynb)**: what `condense` keeps, what it costs, and which layers bear it.
# - **The dashboard**, `make app`: the same sliders for every method, your own network and data included.
# - **The command line**: `labkit compress`, `labkit sweep`, `labkit runs recommend`; see the README.
# - **Try it:** put `"low_rank"` and `"budget"` in place of `"condense"` and `"sparsity"` in section 3. What does its cliff look like?
