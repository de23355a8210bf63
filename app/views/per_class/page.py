"""Per class: one run, looked at class by class."""

import streamlit as st

from common.address import choose
from common.examples import split_of
from common.groups import draw_groups, groups_of
from common.networks import from_largest, network_with_runs
from common.shell import figure, mistakes, steady, theme
from common.tables import show_table, table_title
from common.take_away import TAKE_AWAY, take_away
from common.verdict import verdict_line
from common.words import plain
from labkit import figures
from labkit.audit import MEASURES, confusion_change
from views.per_class.class_table import class_table
from widgets.pulse import heartbeat

st.title("Per class")
st.write("One run beside the uncompressed network, class by class: an average hides which classes lose accuracy.")

left, right = st.columns([1, 2])
shelf, network, table = network_with_runs(left)
ids = list(from_largest(table).index)
run = choose(right, "run", ids, name="run", format_func=lambda name: table["in_words"].get(name, name))
with mistakes():
    audit = shelf.audit(run)
take_away(run, shelf)
with steady():
    heartbeat(TAKE_AWAY)

if not audit.has_reference or audit.confusion is None:
    st.info("This run was audited without a reference model, or has more than one label per example: there is no change by class.")
    class_table(audit)
    st.stop()

stored = next(store for store in shelf.stores if run in store).run(run)
verdict_line(stored.summary)
left, right = st.columns(2)
with left:
    st.header("Before and after")
    figure(
        figures.class_accuracy(audit.per_class, theme=theme()),
        "hollow is the uncompressed network, filled the compressed one with its 95 % interval; the colour is the verdict.",
        alt="Accuracy of every class before and after",
    )
with right:
    st.header("Change")
    figure(
        figures.class_change(audit.per_class, theme=theme()),
        "left of the line a class lost accuracy, right of it it gained; whiskers are 95 % intervals. Orange classes are harmed, "
        "blue ones are not, of grey ones these examples cannot tell; a dot beside the name marks a significant change.",
        alt="Change of accuracy of every class",
    )

left, right = st.columns(2)
with left:
    st.header("How did the confusion matrix change?")
    figure(
        figures.confusion_change(confusion_change(audit), theme=theme()),
        "examples of the class on the left that moved to the class below; orange is for the worse, blue for the better.",
        alt="Change of the confusion matrix",
    )
with right:
    st.header("All values")
    class_table(audit)
if audit.by_group is not None:
    st.header("By group")
    columns = list(dict.fromkeys(audit.by_group.index.get_level_values(0)))
    column = st.segmented_control(
        "by", columns, format_func=plain, default=columns[0], required=True, key="by", bind="query-params"
    )
    changes = groups_of(audit, split_of(stored))
    if changes is not None:
        draw_groups(changes, column)
    figure(
        figures.group_rates(audit.by_group, column, theme=theme()),
        "one row per rate, one mark per group; the longer the line between them, the less equal the groups are.",
        alt=f"Rates by {column}",
    )
drawn = {name: draw for measure in MEASURES.values() for name, draw in measure.tables.items()}
for name, found in audit.extras.items():
    st.header(plain(table_title(name)))
    with mistakes():
        show_table(name, found, drawn.get(name))
