"""Per class: one run, looked at class by class."""

import streamlit as st

from common.address import choose
from common.networks import network_with_runs
from common.shell import figure, mistakes, theme
from labkit import figures
from labkit.audit import confusion_change

st.title("Per class")
st.write("One run beside the uncompressed network, class by class: an average hides who pays for it.")

left, right = st.columns([1, 2])
shelf, network, table = network_with_runs(left)
ids = list(table.sort_values(["series", "bytes"], ascending=[True, False]).index)
run = choose(right, "run", ids, name="run", format_func=lambda name: table["label"].get(name, name))
with mistakes():
    audit = shelf.audit(run)

left, right = st.columns(2)
with left:
    st.subheader("Before and after")
    figure(
        figures.class_accuracy(audit.per_class, theme=theme()),
        "hollow is the uncompressed network, filled the compressed one with its 95 % interval.",
        alt="Accuracy of every class before and after",
    )
with right:
    st.subheader("Change")
    figure(
        figures.class_change(audit.per_class, theme=theme()),
        "left of the line a class lost accuracy, right of it it gained; whiskers are 95 % intervals.",
        alt="Change of accuracy of every class",
    )

left, right = st.columns(2)
with left:
    st.subheader("Where did the decisions go?")
    figure(
        figures.confusion_change(confusion_change(audit), theme=theme()),
        "examples of the class on the left that moved to the class below; orange is for the worse, blue for the better.",
        alt="Change of the confusion matrix",
    )
with right:
    st.subheader("Every figure")
    shown = audit.per_class[["examples", "accuracy", "reference_accuracy", "change", "n01", "n10", "q", "affected", "precision"]]
    percent = {name: 100 * shown[name] for name in ("accuracy", "reference_accuracy", "change", "precision")}
    st.dataframe(
        shown.assign(**percent),
        width="stretch",
        alt="Figures of every class",
        column_config={
            "accuracy": st.column_config.NumberColumn("accuracy", format="%.1f %%"),
            "reference_accuracy": st.column_config.NumberColumn("before", format="%.1f %%"),
            "change": st.column_config.NumberColumn("change", format="%+.1f pp"),
            "precision": st.column_config.NumberColumn("precision", format="%.1f %%"),
            "n01": st.column_config.NumberColumn("lost", help="Examples that only the uncompressed network gets right"),
            "n10": st.column_config.NumberColumn("gained", help="Examples that only the compressed network gets right"),
            "q": st.column_config.NumberColumn("q", format="%.3f", help="Benjamini-Hochberg over the classes"),
        },
    )
    st.caption(f"How to read this: q below 0.05 marks a change beyond chance. {' '.join(audit.notes[-1:])}.")
if audit.by_group is not None:
    st.subheader("By group")
    columns = list(dict.fromkeys(audit.by_group.index.get_level_values(0)))
    column = st.segmented_control("by", columns, default=columns[0], required=True, key="by", bind="query-params")
    figure(
        figures.group_rates(audit.by_group, column, theme=theme()),
        "a row is a rate, a mark a group; the longer the line between them, the less equal they are.",
        alt=f"Rates by {column}",
    )
