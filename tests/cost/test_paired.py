"""The interval of a ratio of times: coverage over simulated machines, and over a real one."""

import copy
import time

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from labkit.cost import Latency, Throughput, cost, latency, throughput
from labkit.cost.paired import paired_ratio

TRUE = 1.3
LOADS = ("independent", "drift", "bursts", "second is slower")


def sitting(rng, rounds, load, true=TRUE):
    """Seconds [rounds, 2] of two networks on a machine with a load of one kind."""
    logs = 0.1 * rng.standard_t(4, size=(rounds, 2))
    if load == "drift":
        logs += np.cumsum(rng.normal(0, 1 / np.sqrt(rounds), rounds))[:, None]
    if load == "bursts":
        logs += (rng.random((rounds, 2)) < 0.1) * rng.exponential(1, (rounds, 2))
    if load == "second is slower":
        logs[::2, 1] += 0.2
        logs[1::2, 0] += 0.2
    return np.exp(logs) * [1.0, true]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("rounds", [6, 11, 12, 40, 200])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(rounds, load):
    rng, trials = np.random.default_rng(rounds), 250
    found = [paired_ratio(sitting(rng, rounds, load)) for _ in range(trials)]
    held = sum(ratio.low <= TRUE <= ratio.high for ratio in found)
    assert binomtest(held, trials, 0.95, alternative="less").pvalue > 0.01


@pytest.mark.parametrize("rounds", [6, 7, 30, 201])
def test_swapping_the_networks_inverts_everything(rounds):
    times = sitting(np.random.default_rng(0), rounds, "bursts")
    one, other = paired_ratio(times), paired_ratio(times[:, ::-1])
    assert one.value == pytest.approx(1 / other.value)
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low))
    assert one.quartiles == pytest.approx((1 / other.quartiles[1], 1 / other.quartiles[0]))
    assert one.low <= one.value <= one.high


def test_a_slow_machine_changes_no_ratio():
    times = sitting(np.random.default_rng(1), 60, "independent")
    busy, idle = paired_ratio(times * np.linspace(1, 50, 60)[:, None]), paired_ratio(times)
    assert (busy.value, busy.low, busy.high) == pytest.approx((idle.value, idle.low, idle.high))


def test_six_rounds_give_the_whole_range():
    # P(all six on one side of the median) = 2 / 64 < 0.05; of five rounds 2 / 32 > 0.05
    times = np.stack([np.ones(6), [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]], axis=1)
    assert (paired_ratio(times).low, paired_ratio(times).high) == pytest.approx((1.0, 2.0))
    with pytest.raises(ValueError, match="at least 6 rounds, got 5"):
        paired_ratio(times[:5])


@pytest.mark.slow
def test_equal_networks_are_not_told_apart():
    network = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    x, found = torch.zeros(1, 64), []
    for _ in range(20):
        timing = latency(copy.deepcopy(network), x, reference=network, seconds=0.1)
        found.append(timing.interval_low <= 1 <= timing.interval_high)
    assert np.mean(found) >= 0.9


class Sleeping(nn.Module):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return x


def test_a_network_that_takes_far_longer_is_certainly_slower():
    slow, quick, x = Sleeping(0.03), Sleeping(0.001), torch.zeros(4, 1)
    timing, batches = latency(slow, x, reference=quick, seconds=0.1), throughput(slow, x, reference=quick, seconds=0.1)
    assert timing.interval_high < 1
    assert batches.interval_high < 1
    assert (batches.batch, batches.repeats >= 6) == (4, True)
    assert batches.per_second < batches.reference_per_second


def test_times_say_where_and_when_and_survive_json():
    network = nn.Linear(8, 2)
    found = cost(network, torch.zeros(1, 8), reference=nn.Linear(8, 2), batch=torch.zeros(16, 8), seconds=0.01)
    assert isinstance(found.latency, Latency)
    assert isinstance(found.throughput, Throughput)
    again = type(found).from_dict(found.to_dict())
    assert (again.latency, again.throughput) == (found.latency, found.throughput)
    for timing in (again.latency, again.throughput):
        assert timing.machine
        assert timing.measured.startswith("20")
        assert timing.machine in str(timing)
        assert timing.measured[:10] in str(timing)


def test_a_batch_that_takes_long_is_timed_once_and_left_out():
    assert throughput(Sleeping(0.6), torch.zeros(4, 1), seconds=0.01) is None
    assert throughput(nn.Linear(1, 1), torch.zeros(1, 1), seconds=0.01) is None  # a single example is the latency


def test_times_of_older_files_are_read_without_an_interval():
    older = {"median": 2.0, "low": 1.9, "high": 2.1, "repeats": 9, "threads": 1, "reference_median": 2.2, "ratio": 1.1}
    timing = Latency(**older, ratio_low=1.0, ratio_high=1.2)
    assert (timing.interval_low, timing.machine, timing.measured) == (None, "", "")
    assert str(timing) == "2 ms (quartiles 1.9 to 2.1; 1 thread), 1.10x the reference's speed"
