"""The dashboard. Run it with ``make app``, ``labkit app`` or ``streamlit run app/main.py``."""

from pathlib import Path

import streamlit as st

from common.address import follow
from common.server import settle
from common.shell import mistakes, options, tighten

# a file: Streamlit fetches emoji and material icons for this from the internet
st.set_page_config(page_title="labkit", page_icon=Path(__file__).with_name("icon.png"), layout="wide")
tighten()
with mistakes():
    asked = options()
page = st.navigation(
    [
        st.Page("views/compare/page.py", title="Compare", url_path="compare", icon=":material/balance:", default=True),
        st.Page("views/live/page.py", title="Live", url_path="live", icon=":material/tune:"),
        st.Page("views/per_class/page.py", title="Per class", url_path="per_class", icon=":material/bar_chart:"),
        st.Page("views/speed/page.py", title="Speed", url_path="speed", icon=":material/speed:"),
        st.Page("views/training/page.py", title="Training", url_path="training", icon=":material/grain:"),
        st.Page("views/models/page.py", title="Reference models", url_path="models", icon=":material/list_alt:"),
    ],
    position="top",
)
if asked.own and page.url_path == "" and "started" not in st.session_state:
    st.session_state["started"] = True
    st.switch_page("views/live/page.py")  # the command line names a network of one's own
follow(page.url_path)
page.run()
settle()
