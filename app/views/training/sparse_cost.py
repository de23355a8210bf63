"""What sparsity costs: accuracy of trainings that differ by topology, sparsity and seed."""

import math

import pandas as pd
import streamlit as st

from common.results import Results
from common.shell import figure, theme
from labkit import figures
from labkit.audit import over_seeds
from labkit.runs import contrasts, usual_gamma

COLUMNS = ["network", "topology", "sparsity", "seed", "accuracy"]
SHARES = {"training": "operations of the training", "inference": "operations of an answer"}
OVER = {"sparsity": None, SHARES["training"]: "training_share", SHARES["inference"]: "inference_share"}
FACTS = ["training_share", "inference_share", "links", "fan_in_min", "fan_in_max", "empty"]
UNKNOWN = [math.inf, -math.inf]  # ends of an interval of one seed
READING = (
    "a mark is the mean over the seeds, the whisker its 95 % interval (Student's t); whiskers that overlap may differ by chance."
)


def sparse_cost(found: Results, network: str) -> None:
    """Draw one network's figure, its table, what SRigL is beside the others, and what gamma_sal does."""
    rows = _with_shares(found.rows[found.rows["network"] == network])
    if rows.empty:
        st.info(f"{network} is not among the trainings of the benchmark.")
        return
    usual = usual_gamma(rows)
    cells = _cells(usual, ["topology", "sparsity"])
    st.markdown(_recipe(usual))
    over = st.segmented_control("accuracy over", list(OVER), default="sparsity", required=True, key="over", bind="query-params")
    _chart(cells, OVER[over], over)
    with st.expander("Every figure"):
        _table(cells)
        st.caption(f"Trained on: {found.place}.")
    _contrasts(usual)
    _gamma(rows)


def _with_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """What a training took of the dense one, and the share of the neurons without links; NaN where the row does not say."""
    have = rows.reindex(columns=list(dict.fromkeys([*rows.columns, "gamma_sal", *FACTS])))
    for name, (part, whole) in {
        "training_share": ("training_gflops", "dense_training_gflops"),
        "inference_share": ("inference_mflops", "dense_inference_mflops"),
    }.items():
        if part in rows and whole in rows:
            have[name] = rows[part].astype(float) / rows[whole].astype(float)
    if "active" in rows and "neurons_at_first" in rows:
        # some topologies begin with neurons that have no links: those that begin with all say how many there are
        have["empty"] = 1 - rows["active"].astype(float) / rows[["active", "neurons_at_first"]].max(axis=None)
    return have


def _cells(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means and intervals of the accuracy; of everything else the mean."""
    facts = rows.astype(dict.fromkeys(FACTS, float)).groupby(by, as_index=False)[FACTS].mean()
    return over_seeds(rows, by).merge(facts, on=by)


def _recipe(rows: pd.DataFrame) -> str:
    seeds = rows.groupby(["topology", "sparsity"]).size()
    few, many = seeds.min(), seeds.max()
    told = f"{few}" if few == many else f"{few} to {many}"
    epochs = sorted(set(rows["epochs"].dropna().astype(int))) if "epochs" in rows else []
    length = f" of {' or '.join(map(str, epochs))} epoch{'' if epochs == [1] else 's'}" if epochs else ""
    return f"{len(rows)} short trainings{length}, {told} seed{'' if many == 1 else 's'} for each mark."


def _chart(cells: pd.DataFrame, share: str | None, over: str) -> None:
    if share is None:
        sparse, dense = cells[cells["topology"] != "dense"], cells[cells["topology"] == "dense"]
        chart = figures.sparsity_accuracy(sparse, dense=None if dense.empty else dense.iloc[0], theme=theme())
        figure(chart, f"{READING} Dotted, in its band: the same training without zeros.", alt="Accuracy over sparsity")
        return
    known = cells[cells[share] > 0].rename(columns={share: "share"})
    chart = figures.flops_accuracy(known, x_label=over, theme=theme())
    figure(
        chart,
        f"further left is cheaper, further up is better; {READING} Operations with zeros are not counted: how much of that becomes "
        "time is on the page Speed.",
        alt=f"Accuracy over {over}",
    )


def _table(cells: pd.DataFrame) -> None:
    percent = ["mean", "low", "high", "training_share", "inference_share", "empty"]
    shown = cells.replace(UNKNOWN, math.nan).assign(topology=cells["topology"].map(figures.rule_title))
    shown = shown.assign(sparsity=100 * shown["sparsity"], **{name: 100 * shown[name].astype(float) for name in percent})
    st.dataframe(
        shown.sort_values(["sparsity", "mean"], ascending=[True, False]),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt="Means, intervals, operations and links of every topology and sparsity",
        column_order=["topology", "sparsity", "mean", "low", "high", "seeds", *FACTS],
        column_config={
            "topology": st.column_config.TextColumn("topology", width=140),
            "sparsity": st.column_config.NumberColumn("sparsity", format="%g %%", help="Share of zeros in the sparse layers"),
            "mean": st.column_config.NumberColumn("accuracy", format="%.2f %%", help="On the test data, mean over the seeds"),
            "low": st.column_config.NumberColumn("95 % from", format="%.2f %%"),
            "high": st.column_config.NumberColumn("to", format="%.2f %%"),
            "seeds": st.column_config.NumberColumn("seeds"),
            "training_share": st.column_config.NumberColumn("of the training", format="%.1f %%", help="Operations beside dense"),
            "inference_share": st.column_config.NumberColumn("of an answer", format="%.1f %%", help="Operations beside dense"),
            "links": st.column_config.NumberColumn("links", format="%,.0f", help="Of all sparse layers, at the end"),
            "fan_in_min": st.column_config.NumberColumn("fan-in from", format="%.1f", help="The layer with the fewest a neuron"),
            "fan_in_max": st.column_config.NumberColumn("to", format="%.1f", help="The layer with the most a neuron"),
            "empty": st.column_config.NumberColumn("empty neurons", format="%.1f %%", help="Neurons without links at the end"),
        },
    )


def _contrasts(rows: pd.DataFrame) -> None:
    found = contrasts(rows)
    if found.empty:
        return
    st.markdown("##### SRigL beside the others, seed by seed")
    st.markdown(_beyond_chance(found))
    shown = found.replace(UNKNOWN, math.nan)
    percent = {name: 100 * shown[name] for name in ("sparsity", "mean", "low", "high")}
    st.dataframe(
        shown.assign(**percent, other="SRigL − " + shown["other"].map(figures.rule_title)),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt="SRigL minus the others, with intervals",
        height=38 + 35 * len(found),
        column_order=["sparsity", "other", "mean", "low", "high", "seeds"],
        column_config={
            "sparsity": st.column_config.NumberColumn("sparsity", format="%g %%", width="small"),
            "other": st.column_config.TextColumn("difference of"),
            "mean": st.column_config.NumberColumn("in accuracy", format="%+.2f pp"),
            "low": st.column_config.NumberColumn("95 % from", format="%+.2f pp"),
            "high": st.column_config.NumberColumn("to", format="%+.2f pp"),
            "seeds": st.column_config.NumberColumn("seeds", width="small", help="Pairs: the same batches in the same order"),
        },
    )
    st.caption(
        "How to read this: pairs of equal seed saw the same batches in the same order, so that their difference is steadier than "
        "either accuracy. One pair alone has no interval."
    )


def _beyond_chance(found: pd.DataFrame) -> str:
    """Say at which sparsities the interval leaves out 0."""
    known = found[found["low"] > -math.inf]
    if known.empty:
        return "There is one pair of each so far, and no interval yet."
    parts = []
    for word, where in (("better", known["low"] > 0), ("worse", known["high"] < 0)):
        for other, rows in known[where].groupby("other", sort=False):
            places = " and ".join(f"{100 * sparsity:g} %" for sparsity in rows["sparsity"])
            parts.append(f"{word} than **{figures.rule_title(str(other))}** at {places}")
    if not parts:
        return "No interval leaves out 0: every difference may be chance."
    return f"SRigL is {', '.join(parts)}. Elsewhere the 95 % interval holds 0, and the difference may be chance."


def _gamma(rows: pd.DataFrame) -> None:
    """The sweep over gamma_sal, at the sparsity that has most of them."""
    srigl = rows[(rows["topology"] == "srigl") & rows["gamma_sal"].notna()]
    counts = srigl.groupby("sparsity")["gamma_sal"].nunique()
    if counts.empty or counts.max() < 2:
        return
    sparsity = counts.idxmax()
    st.markdown(f"##### When does a neuron go? gamma_sal at {100 * sparsity:g} % sparsity")
    cells = _cells(srigl[srigl["sparsity"] == sparsity], ["gamma_sal"])
    figure(
        figures.parameter_accuracy(cells, theme=theme()),
        "SRigL takes all links from a neuron with fewer salient ones than this share of its fan-in: the higher it is, the sooner a "
        f"neuron goes. {READING[0].upper() + READING[1:]} A whisker of two seeds is long and may run out of the picture.",
        alt="Accuracy over gamma_sal",
    )
