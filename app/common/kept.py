"""What a visitor has set, page by page: it outlives a change of the page, and follows the address when the browser goes back."""

from dataclasses import dataclass, field

# settings that mean the same on every page; all others belong to their page
SHARED = ("model", "run")
EVERY_PAGE = "*"
REMEMBERED = 64  # addresses that may still be under way from the browser

Place = tuple[str, str, str]


@dataclass
class Box:
    """A select box as it was drawn last."""

    turn: int
    shown: str
    start: str
    unknown: str = ""


@dataclass
class Kept:
    """Settings of one visitor, as text.

    The browser sends its address with every request, and a request may have left before the last address had arrived there. So the
    address is read at the first load, when the browser says that it went back or forward, when a page is opened, and when it is one
    that never was this visitor's; at all other times the settings kept here count.
    """

    page: str | None = None
    turn: int = 0
    boxes: dict[str, Box] = field(default_factory=dict)
    _texts: dict[Place, str] = field(default_factory=dict)
    _asked: dict[str, str] = field(default_factory=dict)
    _addresses: list[dict[str, str]] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def follow(self, page: str, address: dict[str, str], back: bool) -> bool:
        """Begin a run of `page` at `address`; return whether its widgets are to be set from what is kept here."""
        opened = page != self.page
        anew = back or self.page is None or (not opened and not self._was_here(address))
        if anew:
            self._texts = {place: text for place, text in self._texts.items() if place[0] not in (page, EVERY_PAGE)}
        if anew or opened:
            self.turn += 1
            self._asked = dict(address)
        self.page = page
        self.note(address)
        return anew or opened

    def find(self, name: str, within: str = "") -> tuple[str | None, bool]:
        """Return a setting, None where there is none, and whether it has just been read from the address."""
        self._names.add(name)
        place = self._place(name, within)
        if name in self._asked:
            self._texts[place] = self._asked.pop(name)
            return self._texts[place], True
        return self._texts.get(place), False

    def keep(self, name: str, text: str | None, within: str = "") -> None:
        """Keep a setting; None forgets it."""
        self._names.add(name)
        self._asked.pop(name, None)
        if text is None:
            self._texts.pop(self._place(name, within), None)
        else:
            self._texts[self._place(name, within)] = text

    def note(self, address: dict[str, str]) -> None:
        """Note an address that this visitor has or gets."""
        if address not in self._addresses:
            self._addresses = [*self._addresses[1 - REMEMBERED :], dict(address)]

    def _was_here(self, address: dict[str, str]) -> bool:
        return any(self._own(address) == self._own(noted) for noted in self._addresses)

    def _own(self, address: dict[str, str]) -> dict[str, str]:
        """The settings in an address that are kept here; Streamlit's own bound widgets look after theirs."""
        return {name: text for name, text in address.items() if name in self._names}

    def _place(self, name: str, within: str) -> Place:
        return (EVERY_PAGE, "", name) if name in SHARED else (self.page or "", within, name)
