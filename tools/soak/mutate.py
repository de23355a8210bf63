"""Mutations of bytes, text and JSON; each is drawn from a generator, so that a seed gives the same one again."""

import json
import math
import random
import string
from typing import Any

EXTREMES = [b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\x00\x00\x00"]
NUMBERS = [
    "0",
    "-1",
    "1e309",
    "-1e309",
    "nan",
    "inf",
    "1" * 5000,
    "16777217",
    "9" * 19,
    "0x10",
    "1_0",
    "1e-400",
    "١٢٣",
    "2026-99-99",
]
ODD_TEXT = [
    "",
    "\x00",
    "\ufeff",
    "\u202e",
    "\ud7ff",
    "é",
    "😀",
    "a\nb",
    "\r",
    '"',
    "'",
    "[",
    "{",
    "&a",
    "*a",
    "!!x",
    "$x$",
    "<b>",
    "[/]",
    "%s",
    "{}",
]


def mutated(content: bytes, rng: random.Random, most: int = 4) -> bytes:
    """Return bytes with one to `most` mutations."""
    for _ in range(rng.randint(1, most)):
        content = rng.choice(BYTES)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\x00"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _without(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(content) + 1)
    return content[:begin] + content[begin + rng.randint(1, 64) :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.randint(1, 32)) + content[place:]


def _again(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(content) + 1)
    return content[:begin] + content[begin : begin + rng.randint(1, 256)] * rng.choice([2, 3, 50]) + content[begin:]


def _extreme(content: bytes, rng: random.Random) -> bytes:
    place, value = rng.randrange(len(content) + 1), rng.choice(EXTREMES)
    return content[:place] + value + content[place + len(value) :]


def _head(content: bytes, rng: random.Random) -> bytes:
    """Headers decide most: mutate among the first bytes."""
    return _extreme(content[:64], rng) + content[64:]


BYTES = (_flip, _flip, _cut, _without, _insert, _again, _extreme, _head)


def mutated_text(text: str, rng: random.Random, most: int = 4) -> str:
    """Return text with one to `most` mutations of its words and lines."""
    for _ in range(rng.randint(1, most)):
        text = rng.choice(TEXTS)(text, rng)
    return text


def _word(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    words[rng.randrange(len(words))] = rng.choice(NUMBERS + ODD_TEXT)
    return " ".join(words)


def _line_again(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    place = rng.randrange(len(lines))
    return "".join(lines[:place] + lines[place : place + 1] * rng.choice([0, 2, 3]) + lines[place + 1 :])


def _put(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(ODD_TEXT + NUMBERS + [rng.choice(string.punctuation)]) + text[place:]


def _digit(text: str, rng: random.Random) -> str:
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    if not places:
        return _put(text, rng)
    place = rng.choice(places)
    return text[:place] + rng.choice(NUMBERS) + text[place + 1 :]


TEXTS = (_word, _line_again, _put, _digit)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    1e308,
    -0.0,
    math.nan,
    math.inf,
    "",
    "x",
    "../../x",
    "a\nb",
    "\x00",
    "😀" * 300,
    "x" * 100_000,
    [],
    {},
    [[]],
    [None],
    {"": None},
    ["a"] * 3,
    [1, 2, 3],
    {"a": {"b": {}}},
)


def mutated_json(value: Any, rng: random.Random, most: int = 3) -> Any:
    """Return a copy of a JSON value in which one to `most` nodes are replaced, removed, renamed or repeated."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, most)):
        value = _changed(value, rng)
    return value


def _changed(value: Any, rng: random.Random) -> Any:
    nodes: list[tuple[Any, Any]] = []
    _walk(value, nodes)
    if not nodes or rng.random() < 0.02:
        return rng.choice(VALUES)
    holder, key = rng.choice(nodes)
    action = rng.random()
    if action < 0.6:
        holder[key] = json.loads(json.dumps(rng.choice(VALUES)))
    elif action < 0.75:
        del holder[key]
    elif isinstance(holder, dict):
        holder[rng.choice([*ODD_TEXT, key + "x"])] = holder.pop(key) if action < 0.9 else holder[key]
    else:
        holder.extend(holder[:1] * rng.choice([1, 3, 100]))
    return value


def _walk(value: Any, nodes: list[tuple[Any, Any]]) -> None:
    entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, inner in entries:
        nodes.append((value, key))
        _walk(inner, nodes)
