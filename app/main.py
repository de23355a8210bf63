"""The dashboard. Run it with ``make app``, ``labkit app`` or ``streamlit run app/main.py``."""

from pathlib import Path

import streamlit as st

from common.address import follow
from common.guard import refuse_outsiders
from common.pages import PAGES
from common.server import settle
from common.shell import mistakes, options, tighten
from labkit import models
from widgets.browser import browser, page_end

# a file: Streamlit fetches emoji and material icons for this from the internet, also those of the navigation
st.set_page_config(page_title="labkit", page_icon=Path(__file__).with_name("icon.png"), layout="wide")
page = st.navigation(
    [
        st.Page(entry.script, title=entry.title, url_path=entry.folder, icon=f":material/{entry.icon}:", default=entry is PAGES[0])
        for entry in PAGES
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} - labkit")
tighten()
browser()
try:
    with mistakes():
        asked = options()
    refuse_outsiders()
    opened = "started" not in st.session_state
    st.session_state["started"] = True
    if opened and page.url_path == "":
        if st.query_params.get("model") in models.cards():  # a bookmark of the time when Live was the first page
            st.switch_page("views/live/page.py", query_params=st.query_params.to_dict())
        if asked.own:
            st.switch_page("views/live/page.py")  # the command line names a network of one's own
    follow(page.url_path)
    page.run()
finally:
    page_end()  # also of a page that stops early
settle()
