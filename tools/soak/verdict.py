"""What may come out of a loader: a result, or ValueError or TypeError in one sentence, within limits of time and memory."""

import re
from dataclasses import dataclass

LONGEST = 1000  # characters of a message
MEMORY = 2 * 2**30  # bytes above what the process held before
SECONDS = 10  # of the processor: a busy machine is no failure
# a loader that catches the error of a failed allocation has tried to allocate all the same
ALLOCATION = re.compile(
    r"\b(unable to allocate|can't allocate|cannot allocate|not enough memory|out of memory|MemoryError|bad_alloc)", re.I
)


@dataclass(frozen=True)
class Outcome:
    """What came out of one input: "loaded", "refused" or "escaped", and why it escaped."""

    kind: str
    reason: str = ""
    message: str = ""


def judge(error: BaseException | None, seconds: float = 0.0, peak: int = 0) -> Outcome:
    """Judge what a loader raised (None: nothing), the processor time it took and the memory it needed in bytes."""
    message = "" if error is None else str(error)
    reason = _fault(error, message, seconds, peak)
    if reason:
        return Outcome("escaped", reason, message[:2000])
    return Outcome("loaded" if error is None else "refused", message=message)


def _fault(error: BaseException | None, message: str, seconds: float, peak: int) -> str:
    if error is not None and not isinstance(error, (ValueError, TypeError)):
        return type(error).__name__
    # subclasses that libraries raise are no sentences of ours: UnicodeDecodeError, JSONDecodeError, ArrowInvalid
    if error is not None and type(error).__module__.split(".")[0] not in ("builtins", "labkit"):
        return f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, UnicodeError):
        return type(error).__name__
    if ALLOCATION.search(message):
        return "allocates what the limit of memory refuses"
    if "\n" in message or "\r" in message:
        return f"{type(error).__name__} of several lines"
    if len(message) > LONGEST:
        return f"{type(error).__name__} of more than {LONGEST} characters"
    if error is not None and not message.strip():
        return f"{type(error).__name__} without a message"
    if seconds > SECONDS:
        return f"more than {SECONDS} s"
    return f"more than {MEMORY / 2**30:.0f} GB" if peak > MEMORY else ""
