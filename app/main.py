"""The dashboard. Run it with ``make app``, ``labkit app`` or ``streamlit run app/main.py``."""

from pathlib import Path

import streamlit as st

from components.server import settle
from components.shell import mistakes, options, tighten

# a file of our own: Streamlit fetches emoji and material icons from the internet
st.set_page_config(page_title="labkit", page_icon=Path(__file__).with_name("icon.png"), layout="wide")
tighten()
with mistakes():
    options()
page = st.navigation(
    [
        st.Page("views/compare.py", title="Compare", icon=":material/balance:", default=True),
        st.Page("views/live.py", title="Live", icon=":material/tune:"),
        st.Page("views/per_class.py", title="Per class", icon=":material/bar_chart:"),
        st.Page("views/speed.py", title="Speed", icon=":material/speed:"),
        st.Page("views/training.py", title="Training", icon=":material/grain:"),
        st.Page("views/models.py", title="Reference models", icon=":material/list_alt:"),
    ],
    position="top",
)
page.run()
settle()
