"""What the page says about the registered rules."""

from labkit.runs.trainings import rule_titles
from labkit.sparsify import RULES

BEFORE = """
Compression takes a trained network and removes weights. Here most weights are zero **from the first step on**, and what changes
while the network learns is which. Operations with zeros are skipped, so the training itself takes fewer FLOPs. A *connection* is a
weight that is not zero; the *fan-in* of a neuron is the number of its connections; a neuron without any is *empty*.

- **dense**: the same training without zeros, for comparison.
"""
AFTER = """
Trainings are short so that there can be many: the question is which rule does better under equal conditions, not how good the
network can get. Trainings of one seed see the same batches in the same order, and are compared in pairs. Nothing is chosen on
validation data, the last weights count, and the test data are read once.
"""


def rules_text() -> str:
    """Return the text in Markdown: one item for each rule, in the order of the figures."""
    return "\n".join([BEFORE.rstrip(), *(_item(name, title) for name, title in rule_titles().items()), AFTER])


def _item(name: str, title: str) -> str:
    rule = RULES[name]
    long = "" if rule.title == title else f" ({rule.title})"
    paper = f" *{rule.paper}*" if rule.paper else ""
    return f"- **{title}**{long}: {rule.watch}{paper}"
