"""What sparsity costs: accuracy of trainings that differ by rule, sparsity and seed."""

import pandas as pd
import streamlit as st

from common.charts import chart
from common.once import once
from common.results import Results
from common.shell import figure, theme
from common.words import plain
from labkit import figures
from labkit.runs import sparse_training_results as results
from labkit.runs import usual_settings
from labkit.runs.trainings import rule_titles
from labkit.sparsify import RULES

COLUMNS = ["network", "rule", "sparsity", "seed", "accuracy"]
OVER = {"sparsity": None, "training FLOPs": "training_share", "inference FLOPs": "inference_share"}
READING = (
    "a mark is the mean over the seeds, the whisker its 95 % interval (Student's t); where whiskers overlap, the difference may "
    "not be significant."
)


def sparse_cost(found: Results, network: str) -> None:
    """Draw one network's figure, its table, the differences between rules, and the effect of their parameters."""
    rows = once(results.with_shares, found.rows[found.rows["network"] == network])
    if rows.empty:
        st.info(f"{plain(network)} is not among the trainings of the benchmark.")
        return
    usual = usual_settings(rows)  # it asks the registry of rules, so it is not known by its arguments
    cells = once(results.cell_means, usual, ["rule", "sparsity"])
    st.markdown(once(results.summary_of_trainings, usual))
    over = st.segmented_control("accuracy over", list(OVER), default="sparsity", required=True, key="over", bind="query-params")
    _chart(cells, OVER[over], over)
    with st.expander("All values"):
        _table(cells)
        st.caption(f"Trained on: {plain(found.place)}.")
    _differences(usual)
    for sweep in results.parameter_sweeps(rows):
        _sweep(sweep)


def _chart(cells: pd.DataFrame, share: str | None, over: str) -> None:
    titles = rule_titles()
    if share is None:
        sparse, dense = cells[cells["rule"] != "dense"], cells[cells["rule"] == "dense"]
        dense = None if dense.empty else dense.iloc[0]
        drawn = chart(figures.sparsity_accuracy, sparse, dense=dense, titles=titles, theme=theme())
        figure(drawn, f"{READING} Dotted, with its interval: the same training without zeros.", alt="Accuracy over sparsity")
        return
    known = cells[cells[share] > 0].rename(columns={share: "share"})
    drawn = chart(figures.flops_accuracy, known, x_label=over, titles=titles, theme=theme())
    figure(
        drawn,
        f"further left is cheaper, further up is better; {READING} FLOPs are relative to a dense network, without operations "
        "with zeros. How much of the difference becomes time is on the page Speed.",
        alt=f"Accuracy over {over}",
    )


def _table(cells: pd.DataFrame) -> None:
    percent = ["sparsity", "mean", "low", "high", "training_share", "inference_share", "empty"]
    titles = rule_titles()
    shown = results.finite_intervals(cells).assign(rule=cells["rule"].map(lambda name: figures.rule_title(name, titles)))
    shown = shown.assign(**{name: 100 * shown[name].astype(float) for name in percent})
    st.dataframe(
        shown.sort_values(["sparsity", "mean"], ascending=[True, False]),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt="Means, intervals, FLOPs and connections of every rule and sparsity",
        column_order=["rule", "sparsity", "mean", "low", "high", "seeds", *results.FACTS],
        column_config={
            "rule": st.column_config.TextColumn("rule", width=140),
            "sparsity": st.column_config.NumberColumn("sparsity", format="%g %%", help="Fraction of zeros in the sparse layers"),
            "mean": st.column_config.NumberColumn("accuracy", format="%.2f %%", help="On the test data, mean over the seeds"),
            "low": st.column_config.NumberColumn("95 % from", format="%.2f %%"),
            "high": st.column_config.NumberColumn("to", format="%.2f %%"),
            "seeds": st.column_config.NumberColumn("seeds"),
            "training_share": st.column_config.NumberColumn("training FLOPs", format="%.1f %%", help="Relative to dense"),
            "inference_share": st.column_config.NumberColumn("inference FLOPs", format="%.1f %%", help="Relative to dense"),
            "nonzeros": st.column_config.NumberColumn("connections", format="%,.0f", help="Of all sparse layers, at the end"),
            "fan_in_min": st.column_config.NumberColumn("fan-in from", format="%.1f", help="Layer with the fewest per neuron"),
            "fan_in_max": st.column_config.NumberColumn("to", format="%.1f", help="Layer with the most per neuron"),
            "empty": st.column_config.NumberColumn("empty neurons", format="%.1f %%", help="Without connections at the end"),
        },
    )


def _differences(rows: pd.DataFrame) -> None:
    rule, found = once(results.rule_differences, rows)
    if found.empty:
        return
    titles = rule_titles()
    own = figures.rule_title(rule, titles)
    st.markdown(f"### {own} and the other rules, paired by seed")
    st.markdown(results.significant_differences(found, rule, titles))
    shown = results.finite_intervals(found)
    percent = {name: 100 * shown[name] for name in ("sparsity", "mean", "low", "high")}
    st.dataframe(
        shown.assign(**percent, other=shown["other"].map(lambda name: f"{own} − {figures.rule_title(name, titles)}")),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt=f"{own} minus the other rules, with intervals",
        height=38 + 35 * len(found),
        column_order=["sparsity", "other", "mean", "low", "high", "seeds"],
        column_config={
            "sparsity": st.column_config.NumberColumn("sparsity", format="%g %%", width="small"),
            "other": st.column_config.TextColumn("difference"),
            "mean": st.column_config.NumberColumn("in accuracy", format="%+.2f pp"),
            "low": st.column_config.NumberColumn("95 % from", format="%+.2f pp"),
            "high": st.column_config.NumberColumn("to", format="%+.2f pp"),
            "seeds": st.column_config.NumberColumn("seeds", width="small", help="Pairs: the same batches in the same order"),
        },
    )
    st.caption(
        "How to read this: trainings of equal seed see the same batches in the same order, so their difference varies less than "
        "either accuracy. A single pair has no interval."
    )


def _sweep(sweep: results.ParameterSweep) -> None:
    """Draw accuracy over a parameter of a rule."""
    rule, param = RULES[sweep.rule], RULES[sweep.rule].params[sweep.parameter]
    title = figures.rule_title(rule.name, rule_titles())
    st.markdown(f"### {title}: {sweep.parameter} at {100 * sweep.sparsity:g} % sparsity")
    figure(
        chart(figures.parameter_accuracy, sweep.cells, parameter=sweep.parameter, theme=theme()),
        f"{sweep.parameter}: {param.help}. {READING[0].upper()}{READING[1:]} "
        "The interval of two seeds is wide and may exceed the figure.",
        alt=f"Accuracy over {sweep.parameter}",
    )
