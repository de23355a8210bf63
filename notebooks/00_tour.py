# %% [markdown]
# # A tour of labkit
#
# **The question.** A trained network is often larger than it has to be. Make it smaller and something is lost. How much,
# and *who* loses it?
#
# You will look at one network and its compressed versions, then drag a slider and watch accuracy, classes, size and
# latency change *while* you drag. No result in this notebook is typed in: each comes out of the cell above it.
#
# Choose **Run ▸ Run All Cells**, wait half a minute, and scroll down. No internet is needed.

# %%
from pathlib import Path
from tempfile import mkdtemp

import ipywidgets as widgets
import pandas as pd
import torch
from IPython.display import Image
from torch import nn

from labkit import audit, compress, data, figures, live, models, runs

from controls import cards, follow, live_choice, live_figure, live_slider, page, side_by_side

page()

# %% [markdown]
# ## 1. A trained network
#
# A small vision transformer that tells ten kinds of garment apart. Its weights were chosen on validation data; the test
# images below are what it is judged by.

# %%
dataset = data.load("fashion_mnist")
card = models.cards()["vit_fashion"]
print(f"{card.title}: {card.parameters:,} parameters,", end=" ")
print(f"{card.test_accuracy:.2%} of {card.test_examples:,} test images right")

folder = Path(mkdtemp())
Image(data.picture_grid(dataset.test, folder / "garments.png", per_class=16), width=720)

# %% [markdown]
# **What to look at:** T-shirts, pullovers, coats and shirts share one outline. Keep an eye on them.

# %% [markdown]
# ## 2. Its compressed versions
#
# labkit ships the audits of many compressed versions, made by three methods: `condense` (each neuron keeps its largest
# weights), `low_rank` (two thin matrices instead of one) and `quantize` (a byte a weight). None was trained again.

# %%
library = runs.Library(runs.gallery())
versions = library.table("vit_fashion")
uncompressed = library.reference("vit_fashion").assign(reference=True)

figures.pareto(pd.concat([uncompressed, versions]), x="bytes", x_label="size", x_unit="MB", scale=1e6)

# %% [markdown]
# **What to look at:** up is more accurate, left is smaller; nothing beats a point on the grey line in both. Hover over a
# point to read its settings. Versions of one size can be far apart in accuracy.
#
# One number hides who pays. Here are the same versions, class by class:

# %%
order = versions.sort_values(["series", "bytes"], ascending=[True, False]).index
names = versions["label"]
change, affected = library.class_changes(order)

figures.class_change_heatmap(change.rename(index=names), affected.rename(index=names))

# %% [markdown]
# **What to look at:** a row is a version, a column a class. Orange lost, blue gained; a star marks a change beyond chance.
# Find a pale row with a star: its accuracy is almost the old one, and yet one class paid.
#
# Which version would you take? Say what you can bear, and labkit names the smallest that keeps to it.

# %%
advice = widgets.HTML()


def advise(points):
    found = runs.recommend(versions, accuracy_drop=points / 100, affected_classes=None)
    advice.value = f"<b>{names.get(found.id, 'the uncompressed network')}.</b> {found.reason}."


limit = live_slider("accuracy may drop by (pp)", [step / 2 for step in range(41)], 1.0, advise)
widgets.VBox([limit, advice])

# %% [markdown]
# **What to look at:** drag, and note where the advice changes. Then write `affected_classes=0` instead of `None`, run the
# cell again, and drag: what does the demand that *no* class changes cost in bytes?

# %% [markdown]
# ## 3. Drag the slider
#
# `condense` drops a share of every neuron's weights: the **sparsity**. `layers="inner"` leaves the first and the last layer
# whole. Every step of this slider was audited on all test images beforehand, so the answer comes at once.

# %%
place = live.session("vit_fashion", dataset.test)
known = place.steps("condense", {"layers": "inner"})  # sparsity -> what its audit found
curve = pd.DataFrame(known).T
numbers, by_class, over_slider = widgets.HTML(), live_figure(), live_figure()


def show(sparsity):
    settings = {"sparsity": sparsity, "layers": "inner"}
    found = next(live.progressive_audit("condense", settings, dataset.test, model=place)).audit
    numbers.value = cards(audit.headlines(found.summary))
    figures.redraw(by_class, figures.class_change(found.per_class))
    figures.redraw(over_slider, figures.slider_curve(curve, value=sparsity, x_label="sparsity"))


slider = live_slider("sparsity", known, 0.5, show)
widgets.VBox([slider, numbers, side_by_side(by_class, over_slider)])

# %% [markdown]
# **What to look at:** drag from left to right without letting go, or click the handle and hold an arrow key.
#
# - *Accuracy* hardly moves at first, yet single classes already change beyond chance: the orange bars with a dot. Then
#   comes the cliff.
# - *Size* falls evenly all the way.
# - *Latency* does not fall: today's layer still multiplies by a full matrix. Notebook 01 shows why.

# %% [markdown]
# ## 4. A setting nobody has audited
#
# Elsewhere labkit compresses and audits while you wait, and answers early: first from a few images, then from twice as
# many, and so on. The images are shuffled once, so the first ones are a fair sample.

# %%
settings = {"sparsity": 0.9, "layers": "mlp"}
answers = list(live.progressive_audit("condense", settings, dataset.test, model=place))

limits = {"accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
seen = {f"{found.examples:,} images": 100 * found.audit.summary[list(limits)] for found in answers}
figures.intervals(pd.DataFrame(seen).T.rename(columns=limits), label="accuracy")

# %% [markdown]
# **What to look at:** the 95 % intervals narrow from top to bottom, and all but the unlucky hold what the last one says.
#
# The same as a slider. The work runs in the background; a new move cancels the old one, and its figures narrow once you
# rest.

# %%
latest = live.Latest()
numbers_so_far, class_so_far = widgets.HTML(), live_figure()


def ask(sparsity):
    settings = {"sparsity": sparsity, "layers": "mlp"}
    latest.ask(
        sparsity,
        lambda cancel: live.progressive_audit("condense", settings, dataset.test, cancel=cancel, model=place),
    )


def show_so_far(progress):
    numbers_so_far.value = cards(audit.headlines(progress.audit.summary))
    figures.redraw(class_so_far, figures.class_change(progress.audit.per_class))


free_slider = live_slider("sparsity", known, 0.9, ask)
widgets.VBox([free_slider, numbers_so_far, follow(latest, show_so_far), class_so_far])

# %% [markdown]
# **What to look at:** the whiskers shrink and the bars settle while images come in. Go back to a place you have rested at:
# it is remembered. Latency is measured in that moment, beside everything else the machine does; trust it less than the rest.
#
# Compare with section 3: the feed-forward layers (`mlp`) alone bear far more than all inner layers together.

# %% [markdown]
# ## 5. Which groups pay?
#
# Classes are not the only ones who can lose. This small network guesses from census rows whether somebody earns more than
# 50,000 dollars a year, and its audits also say how it treats women and men.

# %%
census = data.load("adult")
table = library.table("mlp_adult").sort_values(["series", "bytes"], ascending=[True, False])
verdicts = {"uncompressed": audit.audit(models.load("mlp_adult"), census.test, seconds=0.05)}
verdicts |= {label: library.audit(run) for run, label in table["label"].items()}

metric = ("sex", "equalized_odds_difference")
gaps = pd.DataFrame({label: found.fairness.loc[metric].astype(float) for label, found in verdicts.items()}).T
figures.intervals(100 * gaps, label="equalized odds difference by sex", unit="pp")

# %% [markdown]
# **What to look at:** the difference is the larger gap between women and men of two rates: how many of those who do earn
# that much are found, and how many of the others are taken for it. 0 is parity. Most intervals overlap with that of the
# original, so chance could explain the difference. Which one does not?

# %%
group_numbers, by_group = widgets.HTML(), live_figure()


def show_groups(label):
    found = verdicts[label]
    group_numbers.value = cards(audit.headlines(found.summary.drop(["dpd[race]", "eod[race]"])))
    figures.redraw(by_group, figures.group_rates(found.by_group, "sex"))


widgets.VBox([live_choice(verdicts, show_groups), group_numbers, by_group])

# %% [markdown]
# **What to look at:** a grey line is the gap in one rate. Choose the version without a gap in the last figure, and read its
# accuracy: everybody is treated alike, and badly. A gap says nothing without the rates beside it.

# %% [markdown]
# ## 6. Your own network, in three lines
#
# Any `nn.Module` will do that takes images in [0, 1] and gives a score for each class. Here is one, trained for a moment:

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
small = compress.condense(yours, sparsity=0.5)
verdict = audit.audit(small, dataset.test, reference=yours)
run = runs.Store(folder / "runs").save(small, audit=verdict, config={"method": "condense", "sparsity": 0.5})

widgets.HTML(cards(audit.headlines(verdict.summary)))

# %% [markdown]
# A run is a folder of plain files that other programs read too, and labkit rebuilds the network from it:

# %%
print(*sorted(path.name for path in run.folder.iterdir()))
again, _ = runs.Store(folder / "runs").load(run.id)
x = dataset.test.inputs(slice(100))
print("the stored network gives the same scores:", torch.equal(again(x), small(x)))

# %% [markdown]
# ## 7. Where to go next
#
# - **Try it:** put `"low_rank"` and `"budget"` in place of `"condense"` and `"sparsity"` in section 3. Where is its cliff?
# - **[01 Condensed sparsity](01_condensed_sparsity.ipynb):** what `condense` keeps, what it saves, which layers bear it.
# - **[02 Dynamic sparse training](02_dynamic_sparse_training.ipynb):** sparse from the first step on; watch the links move.
# - **[03 Shared bases](03_fips.ipynb):** what the feed-forward layers of a transformer have in common, which is kept once.
# - **The dashboard**, `make app`: the same sliders for every method, and for your own network and data.
# - **The command line:** `labkit compress`, `labkit sweep`, `labkit runs recommend`; the README says how.
