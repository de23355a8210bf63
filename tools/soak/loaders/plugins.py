"""Plugin files: what registers nothing, the wrong things, ends the process or raises what is no exception."""

import random
from collections.abc import Callable
from pathlib import Path

from labkit.plugins import load_plugin
from labkit.registry import registries
from tools.soak.loaders.files import odd_entry, odd_name
from tools.soak.loaders.loader import Loader, nothing
from tools.soak.loaders.networks import FILES
from tools.soak.mutate import mutated

METHOD = """from labkit.compress import Method, Param, register
register(Method({name}, {summary}, {paper}, {run}, {params}))
"""
NAMES = ("'mine'", "''", "'condense'", "'a\\nb'", "'x' * 10**6", "3", "None", "'a b'", "'<b>'")
RUNS = ("lambda model, **_: model", "None", "3", "print")
PARAMS = ("{}", "None", "3", "{'a': 1}", "{'a': Param(float, 0.5, 'share', low=0, high=1)}", "[]")
LATER = ("", "raise SystemExit(0)\n", "import sys; sys.exit()\n", "1 / 0\n", "raise BaseException\n", "raise ValueError('a\\nb')\n")


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path = folder / odd_name(rng, rng.choice([".py", ".py", ".py", ".txt", ""]))
    text = rng.choice(FILES)
    if rng.random() < 0.7:
        text = METHOD.format(
            name=rng.choice(NAMES),
            summary=rng.choice(["'Mine'", "None"]),
            paper="'nowhere'",
            run=rng.choice(RUNS),
            params=rng.choice(PARAMS),
        ) + rng.choice(LATER)
    content = text.encode()
    if rng.random() < 0.03:
        odd_entry(path, rng)
    else:
        path.write_bytes(mutated(content, rng, most=2) if rng.random() < 0.4 else content)

    def read() -> None:
        before = [(registry, dict(registry)) for registry in registries()]
        try:
            load_plugin(path)
        finally:
            for registry, entries in before:
                registry.clear()
                registry.update(entries)

    return read


LOADER = Loader("plugins", nothing, _case)
