"""Notes of networks in an audit: what compression said, what the counts lack, and where the result costs more."""

import numpy as np
import torch
from torch import nn

from labkit import audit
from labkit.audit.logits import audit_logits
from labkit.cost import Cost, Latency
from labkit.data import Split
from labkit.layers import add_notes

SPLIT = Split(np.array([0, 1] * 10), ("a", "b"), x=np.random.default_rng(0).normal(size=(20, 4)).astype("float32"))


def network(hidden=8):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 2))


def test_what_compression_said_is_in_the_audit_text_and_json():
    small, base = add_notes(network(), "layer 0 stays dense"), add_notes(network(), "random weights")
    found = audit.audit(small, SPLIT, reference=base, cost=False)
    assert {"layer 0 stays dense", "reference: random weights"} <= set(found.notes)
    assert "layer 0 stays dense" in repr(found)
    assert "layer 0 stays dense" in found.to_json()
    logits = np.random.default_rng(0).normal(size=(20, 2))
    assert "layer 0 stays dense" in audit_logits(logits, SPLIT, model=small).notes


def test_a_note_of_both_networks_is_said_once():
    small, base = add_notes(network(), "random weights"), add_notes(network(), "random weights")
    notes = audit.audit(small, SPLIT, reference=base, cost=False).notes
    assert sum("random weights" in note for note in notes) == 1


def test_a_network_of_more_bytes_than_its_reference_is_called_larger():
    larger = audit.audit(network(9), SPLIT, reference=network(8), seconds=0)
    assert "the network takes more bytes than the reference (112 %)" in larger.notes  # 65 parameters to 58
    barely = audit.audit(network(1001), SPLIT, reference=network(1000), seconds=0)
    assert "the network takes more bytes than the reference (100.1 %)" in barely.notes
    for smaller in (network(8), network(7)):
        assert "bytes" not in "".join(audit.audit(smaller, SPLIT, reference=network(8), seconds=0).notes)


def _cost(ratio, low, high):
    timing = Latency(2.0, 1.9, 2.1, 9, 1, reference_median=2.0 * ratio, ratio=ratio, ratio_low=low, ratio_high=high)
    facts = audit.cost(network(), torch.zeros(1, 4), seconds=0).to_dict()
    return Cost.from_dict({**facts, "latency_ms": timing.__dict__})


def test_a_network_that_is_clearly_slower_is_called_slower():
    logits, base = np.random.default_rng(0).normal(size=(2, 20, 2)), _cost(1.0, 0.9, 1.1)

    def notes(*speed):
        return "".join(audit_logits(logits[0], SPLIT, logits[1], cost=_cost(*speed), reference_cost=base).notes)

    assert "slower than the reference: 8.0 times its latency for one example" in notes(0.125, 0.1, 0.2)
    assert "slower" not in notes(0.8, 0.7, 0.95)  # quartiles reach what a busy machine does
    assert "slower" not in notes(2.0, 1.8, 2.2)


def test_what_the_counts_lack_is_in_the_audit():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return self.head(torch.fft.rfft(x).abs())

    found = audit.audit(Spectrum(), SPLIT, seconds=0)
    assert "multiply-adds of these operators are not counted: aten._fft_r2c" in found.notes
