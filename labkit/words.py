"""How a value from outside is shown in a message: briefly, whatever it is."""

import reprlib


class _Brief(reprlib.Repr):
    """Looks at a few entries of each container only: a short file may describe a value whose full repr takes gigabytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = 12
        self.maxstring = self.maxother = self.maxlong = limit

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxstring])

    repr_bytearray = repr_bytes

    def repr_OrderedDict(self, x: dict, level: int) -> str:
        return self.repr_dict(x, level)

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write integers of more than 4,300 digits."""
        return super().repr_int(x, level) if abs(x) < 10**400 else f"an integer of about {x.bit_length()} bits"


def shortly(value: object, limit: int = 200) -> str:
    """Return the repr of a value for a message, at most `limit` characters.

    Parameters
    ----------
    value : object
        Whatever came from outside: nested, of any size, even with a repr that fails.
    limit : int
        Largest number of characters.

    Returns
    -------
    str
        Cut with an ellipsis where it would be longer; a repr that would be larger is not built.
    """
    text = _Brief(limit).repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
