"""Means, differences and parameter sweeps of a benchmark of sparse training."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labkit.runs import sparse_training_results as results
from labkit.runs.trainings import rule_titles


def training(rule, sparsity, seed, accuracy, **more):
    return {"network": "net", "rule": rule, "sparsity": sparsity, "seed": seed, "accuracy": accuracy, **more}


def table(**accuracies):
    return pd.DataFrame(
        [training(rule, 0.9, seed, value) for rule, values in accuracies.items() for seed, value in enumerate(values)]
    )


def test_shares_are_relative_to_the_dense_training_and_to_all_neurons():
    rows = pd.DataFrame(
        [
            training("rigl", 0.9, 0, 0.8, training_gflops=2.0, dense_training_gflops=8.0, active=50, neurons_at_first=40),
            training("srigl", 0.9, 0, 0.8, training_gflops=4.0, dense_training_gflops=8.0, active=75, neurons_at_first=100),
            training("dense", 0.0, 0, 0.9, training_gflops=8.0, dense_training_gflops=8.0),
        ]
    )
    found = results.with_shares(rows)
    assert found["training_share"].tolist() == [0.25, 0.5, 1.0]
    assert found["empty"].tolist()[:2] == [0.5, 0.25]
    assert np.isnan(found["empty"][2])
    assert found["inference_share"].isna().all()


def test_cells_are_means_with_t_intervals():
    accuracies = [0.8, 0.82, 0.87]
    (cell,) = results.cell_means(results.with_shares(table(rigl=accuracies)), ["rule", "sparsity"]).itertuples()
    low, high = stats.t.interval(0.95, 2, np.mean(accuracies), stats.sem(accuracies))
    assert (cell.mean, cell.low, cell.high, cell.seeds) == pytest.approx((np.mean(accuracies), low, high, 3))


def test_a_single_seed_has_no_interval():
    cells = results.cell_means(results.with_shares(table(rigl=[0.8])), ["rule", "sparsity"])
    assert math.isinf(cells["low"][0])
    assert np.isnan(results.finite_intervals(cells)["low"][0])


def test_the_first_rule_is_compared_with_every_other_and_significance_is_stated():
    rows = table(srigl=[0.92, 0.931, 0.941], rigl=[0.90, 0.91, 0.92], gmp=[0.92, 0.93, 0.95], dense=[0.97, 0.98, 0.99])
    rule, found = results.rule_differences(rows)
    assert rule == "srigl"
    assert list(found["other"]) == ["rigl", "gmp", "dense"]
    assert found["mean"].tolist() == pytest.approx([0.062 / 3, -0.008 / 3, -0.148 / 3])
    said = results.significant_differences(found, rule, rule_titles())
    assert said.startswith("SRigL is better than **RigL** at 90 %, worse than **dense** at 90 %.")
    several = pd.concat([found.assign(sparsity=sparsity) for sparsity in (0.8, 0.9, 0.95)])
    assert "worse than **dense** at 80 %, 90 % and 95 %." in results.significant_differences(several, rule, rule_titles())
    none = results.significant_differences(found[found["other"] == "gmp"], rule, rule_titles())
    assert none == "Every interval contains 0: no difference is significant."
    single = results.rule_differences(table(srigl=[0.9], rigl=[0.8]))[1]
    assert "no interval yet" in results.significant_differences(single, "srigl", rule_titles())


def test_dense_trainings_alone_have_no_differences():
    rule, found = results.rule_differences(table(dense=[0.9, 0.91]))
    assert rule == ""
    assert found.empty


def test_a_parameter_with_several_values_is_a_sweep():
    rows = pd.DataFrame(
        [training("srigl", 0.9, seed, accuracy, gamma_sal=value) for value, accuracy in ((0.3, 0.7), (0.9, 0.8)) for seed in (0, 1)]
        + [training("srigl", 0.8, 0, 0.9, gamma_sal=0.3), training("rigl", 0.9, 0, 0.9)]
    )
    (sweep,) = results.parameter_sweeps(results.with_shares(rows))
    assert (sweep.rule, sweep.parameter, sweep.sparsity) == ("srigl", "gamma_sal", 0.9)
    assert sweep.cells["gamma_sal"].tolist() == [0.3, 0.9]
    assert sweep.cells["mean"].tolist() == pytest.approx([0.7, 0.8])
    assert results.parameter_sweeps(results.with_shares(rows[rows["sparsity"] == 0.8])) == []
