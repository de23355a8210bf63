"""`Visitor`: one session with a dashboard over its WebSocket, with Streamlit's own messages; no browser is needed.

What the scripts of the pages do in a browser is done here: the heartbeat beats while a page computes, and bells ring for its news.
"""

import itertools
import json
import random
import time
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 120  # seconds for an answer
SUCCESS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class Visitor:
    """A session.

    Parameters
    ----------
    port : int
        Of the dashboard on this machine.
    seed : int
        Of what the visitor chooses.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._socket = connect(
            f"ws://localhost:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, open_timeout=PATIENCE
        )
        self._rng = random.Random(seed)
        self._page, self._beats, self._counter = "", 0, itertools.count(1)
        self._states: dict[str, dict[str, Any]] = {}
        self.components: dict[str, tuple[str, dict[str, Any]]] = {}  # id -> fragment and data
        self.exceptions: list[str] = []

    def open(self, page: str) -> float:
        """Open a page by its name in the address; seconds until it is drawn."""
        self._page, self._states, self.components = page, {}, {}
        return self._run("")

    def slide(self) -> float | None:
        """Move a slider of the page, wait for what follows; seconds, or None where the page has none."""
        sliders = [(key, *known) for key, known in self.components.items() if "steps" in known[1] and not known[1].get("disabled")]
        if not sliders:
            return None
        key, fragment, data = self._rng.choice(sliders)
        self._states[key] = {"value": [self._rng.choice(data["steps"]), data["round"]]}
        return self._run(fragment)

    def rest(self, seconds: float) -> None:
        """Look at the page for a while, as its heartbeat asks for news."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            heart = next(((key, *known) for key, known in self.components.items() if "beat" in known[1]), None)
            bells = [data for _, data in self.components.values() if "bell" in data]
            if heart is None or not (heart[2]["busy"] or any(data["busy"] for data in bells)):
                time.sleep(min(left, 0.5))
                continue
            key, fragment, data = heart
            self._states[key] = {"beat": data["beat"] + 1}
            self._run(fragment)
            self._ring(self.components[key][1])
            time.sleep(data["every"] / 1000)

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _ring(self, heart: dict[str, Any]) -> None:
        """Draw again what has news, and what was drawn and never came."""
        for key, (fragment, data) in list(self.components.items()):
            name = data.get("bell")
            if name in heart["news"] or (name in heart["drawn"] and data["drawn"] < heart["drawn"][name]):
                self._states[key] = {"ring": next(self._counter)}
                self._run(fragment)

    def _run(self, fragment: str) -> float:
        """Ask for a run of the page, or of a fragment of it; seconds until it ended."""
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.query_string, state.fragment_id = self._page, "", fragment
        for key, value in self._states.items():
            state.widget_states.widgets.add(id=key, json_value=json.dumps(value))
        began = time.monotonic()
        self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(self._socket.recv(timeout=PATIENCE))
            if answer.HasField("delta"):
                self._drawn(answer)
            elif answer.HasField("page_not_found"):
                self.exceptions.append(f"{self._page}: there is no such page")
            elif answer.HasField("script_finished") and answer.script_finished in SUCCESS:
                return time.monotonic() - began
            elif answer.HasField("script_finished") and answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.exceptions.append(f"{self._page or 'home'}: the page does not compile")
                return time.monotonic() - began

    def _drawn(self, answer: ForwardMsg) -> None:
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.exceptions.append(f"{self._page or 'home'}: {element.exception.type}: {element.exception.message[:300]}")
        elif kind == "bidi_component":
            held = element.bidi_component
            text = held.json if held.WhichOneof("data") == "json" else held.mixed.json
            self.components[held.id] = (answer.delta.fragment_id, json.loads(text) if text else {})
