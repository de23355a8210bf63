"""The dashboard. Run it with ``make app``, ``labkit app`` or ``streamlit run app/main.py``."""

import streamlit as st

st.set_page_config(page_title="labkit", page_icon="🔬", layout="wide")
st.navigation([st.Page("pages/models.py", title="Reference models", icon="📋", default=True)]).run()
