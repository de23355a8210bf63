"""The dashboard. Run it with ``make app``, ``labkit app`` or ``streamlit run app/main.py``."""

import streamlit as st
from components.shell import mistakes, options

st.set_page_config(page_title="labkit", page_icon="🔬", layout="wide")
with mistakes():
    options()
st.navigation(
    [
        st.Page("pages/compare.py", title="Compare", icon=":material/balance:", default=True),
        st.Page("pages/live.py", title="Live", icon=":material/tune:"),
        st.Page("pages/per_class.py", title="Per class", icon=":material/bar_chart:"),
        st.Page("pages/models.py", title="Reference models", icon=":material/list_alt:"),
    ],
    position="top",
).run()
