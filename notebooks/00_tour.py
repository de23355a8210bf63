# %% [markdown]
# # A tour of labkit
#
# **Question.** A trained network is often larger than necessary. What does compression cost, and *which classes and groups*
# pay for it?
#
# You will look at one network and its compressed versions, then drag a slider and watch accuracy, classes, size and
# latency change *while* you drag. Every result is computed or read by the cell above it.
#
# Choose **Run ▸ Run All Cells**, wait half a minute, and scroll down. No internet is needed.

# %%
from html import escape
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
# A small vision transformer classifies ten kinds of garment. Its weights were selected on validation data; it is evaluated
# on the test images below.

# %%
dataset = data.load("fashion_mnist")
card = models.cards()["vit_fashion"]
print(f"{card.title}: {card.parameters:,} parameters,", end=" ")
print(f"{card.test_accuracy:.2%} accuracy on {card.test_examples:,} test images")

folder = Path(mkdtemp())
Image(data.picture_grid(dataset.test, folder / "garments.png", per_class=16), width=720)

# %% [markdown]
# **What to look at:** T-shirts, pullovers, coats and shirts have similar outlines and are the hardest classes.

# %% [markdown]
# ## 2. Its compressed versions
#
# labkit ships audits of many compressed versions. Three methods change the trained network without training it again:
# `condense` (every neuron keeps its largest weights), `low_rank` (two thin matrices instead of one) and `quantize` (one byte
# per weight). Versions whose names begin with `train_` were trained from the start, most of them sparse.

# %%
library = runs.Library(runs.gallery())
versions = library.table("vit_fashion")
uncompressed = library.reference("vit_fashion").assign(reference=True)

figures.pareto(pd.concat([uncompressed, versions]), x="bytes", x_label="size", x_unit="MB", scale=1e6)

# %% [markdown]
# **What to look at:** up is more accurate, left is smaller; the grey line is the Pareto front. Hover over a point for its
# settings. Versions of one size can differ a lot in accuracy.
#
# One number hides which classes lose. The same versions, class by class:

# %%
order = versions.sort_values(["series", "bytes"], ascending=[True, False]).index
names = versions["label"]
change, affected = library.class_changes(order)

figures.class_change_heatmap(change.rename(index=names), affected.rename(index=names))

# %% [markdown]
# **What to look at:** one row per version, one column per class. Orange lost, blue gained; a star marks a significant change.
# Find a pale row with a star: its accuracy is almost unchanged, but one class lost.
#
# Which version would you choose? Set a limit, and labkit recommends the smallest version within it.

# %%
advice = widgets.HTML()


def advise(points):
    found = runs.recommend(versions, accuracy_drop=points / 100, harmed_classes=None)
    advice.value = f"<b>{escape(names.get(found.id, 'the uncompressed network'))}.</b> {escape(found.reason)}."


limit = live_slider("accuracy may drop by (pp)", [step / 2 for step in range(41)], 1.0, advise)
widgets.VBox([limit, advice])

# %% [markdown]
# **What to look at:** drag, and note where the recommendation changes. Then write `harmed_classes=0` instead of `None`, run
# the cell again, and drag: what does it cost in bytes that *no* class may be harmed?

# %% [markdown]
# ## 3. Drag the slider
#
# `condense` removes a fraction of every neuron's weights: the **sparsity**. `layers="inner"` excludes the first and the last
# layer. Every step of this slider was audited on all test images in advance, so answers are immediate.

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
# - *Accuracy* hardly changes at first, but some classes already do (orange bars are harmed, blue ones are not,
#   of grey ones these images cannot tell). Then it collapses.
# - *Size* falls linearly.
# - *Latency* falls much less. Notebook 01 shows why.

# %% [markdown]
# ## 4. Settings without a stored audit
#
# Other settings are compressed and audited live, with early answers: first from a few images, then from twice as many, and
# so on. The images are shuffled once, so the first ones are a random sample.

# %%
settings = {"sparsity": 0.9, "layers": "mlp"}
answers = list(live.progressive_audit("condense", settings, dataset.test, model=place))

limits = {"accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
seen = {f"{found.examples:,} images": 100 * found.audit.summary[list(limits)] for found in answers}
figures.intervals(pd.DataFrame(seen).T.rename(columns=limits), label="accuracy")

# %% [markdown]
# **What to look at:** the 95 % intervals become narrower from top to bottom, and most contain the final value.
#
# The same as a slider. The computation runs in the background; a new value cancels the previous one.

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
# **What to look at:** intervals shrink and bars converge with more images. Go back to a value you stopped at: it is cached.
# Latency is measured live, on a busy machine; trust it less than the rest.
#
# Compare with section 3: the feed-forward layers (`mlp`) alone tolerate a much higher sparsity than all inner layers.

# %% [markdown]
# ## 5. Groups of people
#
# This small network predicts from census data whether a person earns more than 50,000 dollars a year. Its audits also
# compare women and men.

# %%
census = data.load("adult")
table = library.table("mlp_adult").sort_values(["series", "bytes"], ascending=[True, False])
verdicts = {"uncompressed": audit.audit(models.load("mlp_adult"), census.test, seconds=0.05)}
verdicts |= {label: library.audit(run) for run, label in table["label"].items()}

metric = ("sex", "equalized_odds_difference")
gaps = pd.DataFrame({label: found.fairness.loc[metric].astype(float) for label, found in verdicts.items()}).T
figures.intervals(100 * gaps, label="equalized odds difference by sex", unit="pp")

# %% [markdown]
# **What to look at:** equalized odds difference is the larger of two gaps between women and men, in the true positive rate
# and in the false positive rate; 0 is parity. Most intervals overlap with that of the original, so the difference may be
# chance. Which one does not?

# %%
group_numbers, by_group = widgets.HTML(), live_figure()


def show_groups(label):
    found = verdicts[label]
    group_numbers.value = cards(audit.headlines(found.summary.drop(["dpd[race]", "eod[race]"])))
    figures.redraw(by_group, figures.group_rates(found.by_group, "sex"))


widgets.VBox([live_choice(verdicts, show_groups), group_numbers, by_group])

# %% [markdown]
# **What to look at:** a grey line is the gap in one rate. Choose the version without a gap in the previous figure, and read
# its accuracy: both groups are treated equally badly. A gap means little without the rates.

# %% [markdown]
# ## 6. Your own network, in three lines
#
# Any `nn.Module` that maps images in [0, 1] to one score per class works. Here is one, trained briefly:

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
# Compress it, audit it against the original, and store the run:

# %%
small = compress.condense(yours, sparsity=0.5)
verdict = audit.audit(small, dataset.test, reference=yours)
run = runs.Store(folder / "runs").save(small, audit=verdict, config={"method": "condense", "sparsity": 0.5})

widgets.HTML(cards(audit.headlines(verdict.summary)))

# %% [markdown]
# A run is a folder of plain files in common formats, from which labkit rebuilds the network:

# %%
print(*sorted(path.name for path in run.folder.iterdir()))
again, _ = runs.Store(folder / "runs").load(run.id)
x = dataset.test.inputs(slice(100))
print("the stored network gives the same scores:", torch.equal(again(x), small(x)))

# %% [markdown]
# ## 7. Where to go next
#
# - **Try it:** replace `"condense"` and `"sparsity"` in section 3 by `"low_rank"` and `"budget"`. Where does it collapse?
# - **[01 Condensed sparsity](01_condensed_sparsity.ipynb):** what `condense` keeps and saves, and which layers tolerate it.
# - **[02 Dynamic sparse training](02_dynamic_sparse_training.ipynb):** sparse from the first step on, with connections that
#   move.
# - **[03 Shared bases](03_fips.ipynb):** what the feed-forward layers of a transformer have in common, stored once.
# - **The dashboard**, `make app`: the same sliders for every method, and for your own network and data.
# - **The command line:** `labkit compress`, `labkit sweep`, `labkit runs recommend`; the README says how.
