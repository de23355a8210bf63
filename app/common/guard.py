"""Who may use the dashboard: this machine alone, unless the command line says otherwise."""

import ipaddress

import streamlit as st
from streamlit.runtime import Runtime, get_instance

from common.shell import options
from common.words import plain


def refuse_outsiders() -> None:
    """Stop the page if the server listens to other machines and `labkit app --public` was not said.

    The address of the server may come from a variable of the environment or a configuration file that its user has forgotten.
    """
    address = st.get_option("server.address")
    if options().public or is_local(address) or type(get_instance()) is not Runtime:  # a test of a page has no server
        return
    where = f"at {plain(address)}" if address else "at every address of this machine"
    st.error(
        f"The dashboard listens {where}, where other machines may reach it; start it with `labkit app` for this machine alone, "
        "or with `labkit app --public` if that is wanted.",
        icon=":material/lock:",
    )
    st.stop()


def is_local(address: str | None) -> bool:
    """Whether a server that listens at this address is reached from its own machine only; None stands for all addresses."""
    if address is None:
        return False
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
