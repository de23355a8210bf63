"""Whether a visitor is still there."""

from collections.abc import Callable

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


def presence() -> Callable[[], bool]:
    """Return a function that says whether this visitor's page is still open; it can be called from any thread.

    Streamlit keeps a visitor whose page is gone for some minutes, in case the connection was only interrupted.
    """
    context = get_script_run_ctx()
    visitor = context.session_id if context else ""
    return lambda: not runtime.exists() or runtime.get_instance().is_active_session(visitor)
