"""What a run of the page drew can be lost on its way: it is drawn again, and no page waits for ever.

Streamlit drops what a run has sent when a request to run again comes between the run's end and the delivery of its last messages
("Ignoring event from non-current ScriptRunner"), and a busy machine makes that likelier. Here it happens by the dozen.
"""

import re

import pytest

from tests.app.conftest import dashboard
from tests.app.live_page import open_live

pytestmark = pytest.mark.browser

FORGETFUL = """
import random
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner.script_runner import ScriptRunnerEvent
from labkit.compress import Method, register

register(Method("forgetful", "Only here to be loaded", "nowhere", lambda model, **_: model, {{}}))
deliver, chance = AppSession._handle_scriptrunner_event_on_event_loop, random.Random(0)
AppSession._forgets, AppSession._first = False, True

def forget(self, sender, event, forward_msg=None, exception=None, client_state=None, page=None, fragments=None, *rest):
    if event == ScriptRunnerEvent.SCRIPT_STARTED:
        self._forgets = bool(fragments) and chance.random() < {share}
    drawn = forward_msg.SerializeToString() if event == ScriptRunnerEvent.ENQUEUE_FORWARD_MSG else b""
    if self._first and {tail} in drawn:
        self._first, self._forgets = False, True
    kept = not self._first and forward_msg is not None and forward_msg.HasField("script_finished")  # a later run would end instead
    if drawn and not kept and (self._forgets or {never} in drawn):
        return
    deliver(self, sender, event, forward_msg, exception, client_state, page, fragments, *rest)

AppSession._handle_scriptrunner_event_on_event_loop = forget
"""


NONE = b"nothing like this"
LOST = {
    "many runs": (0.4, NONE, NONE),
    "the heart": (0.0, b"-heartbeat", NONE),
    "end of the first": (0.0, NONE, b"Drag the slider"),
}


@pytest.mark.parametrize(("share", "never", "tail"), LOST.values(), ids=LOST)
def test_figures_come_although_messages_are_lost_on_their_way(tmp_path, desktop, share, never, tail):
    (tmp_path / "forgetful.py").write_text(FORGETFUL.format(share=share, never=never, tail=tail))
    after = ("--no-browser", "--store", str(tmp_path / "runs"))
    with dashboard("--plugin", str(tmp_path / "forgetful.py"), after=after, page=desktop) as url:
        open_live(desktop, url, model="mlp_mnist", method="condense", layers="all", sparsity=0.8)
        exact = desktop.get_by_text(re.compile(r"^Exact: all 10,000"))
        exact.wait_for()
        slider = desktop.get_by_role("slider", name="sparsity")
        for place in ("0.81", "0.82", "0.83", "0.84"):
            slider.press("ArrowRight")
            desktop.locator(f'.live-figure[data-value="{place}"]').first.wait_for()
            exact.wait_for()
