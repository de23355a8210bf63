"""What the rows of benchmarks/dynamic_sparse_training.py say about SRigL and the others."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from labkit.audit import paired_difference

OTHERS = ("rigl", "srigl_no_ablation", "dense")


def usual_gamma(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without gamma_sal, and of the others those with the value that most trainings of their network have.

    Parameters
    ----------
    rows : DataFrame, a row a training
        With columns network and gamma_sal.
    """
    most = {network: Counter(known.dropna()) for network, known in rows.groupby("network")["gamma_sal"]}
    usual = {network: counts.most_common(1)[0][0] for network, counts in most.items() if counts}
    return rows[rows["gamma_sal"].isna() | (rows["gamma_sal"] == rows["network"].map(usual))]


def contrasts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return SRigL minus each other in accuracy, a row a (network, sparsity, other): mean, low, high, seeds of pairs of equal seed.

    Parameters
    ----------
    rows : DataFrame, a row a training
        Of one gamma_sal a network; columns network, topology, sparsity, seed, accuracy. "dense" is compared with every sparsity.
    """
    found = []
    for (network, sparsity), ours in rows[rows["topology"] == "srigl"].groupby(["network", "sparsity"]):
        peers = rows[(rows["network"] == network) & ((rows["sparsity"] == sparsity) | (rows["topology"] == "dense"))]
        for other in OTHERS:
            theirs = peers[peers["topology"] == other]
            if set(theirs["seed"]) & set(ours["seed"]):
                place = {"network": network, "sparsity": sparsity, "other": other}
                found.append({**place, **paired_difference(theirs, ours)})
    return pd.DataFrame(found, columns=["network", "sparsity", "other", "mean", "low", "high", "seeds"])
