"""``python -m tools.soak``: run the parts and exit with 1 when any failed."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools.soak import disk, fuzzing, kills, sessions
from tools.soak.loaders import PLACES
from tools.soak.report import Part, write

# each takes the folder, the seed and the minutes of a share (None: the whole)
PARTS: dict[str, Callable[..., Part]] = {"loaders": fuzzing.run, "kills": kills.run, "disk": disk.run, "sessions": sessions.run}


def main() -> int:
    """Read the command line, run the parts one after another, print their tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.soak", description="Try labkit with hostile inputs, kills, full disks and many sessions."
    )
    parser.add_argument("--share", type=float, metavar="MINUTES", help="stop each part after so many minutes (default: the whole)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--only", choices=PARTS, help="run one part")
    parser.add_argument(
        "--folder", type=Path, default=Path("out/soak"), help="where results and failing inputs go; a second call goes on there"
    )
    parser.add_argument("--loader", choices=PLACES, default="", help="with --only loaders: one loader")
    parser.add_argument("--visitors", type=int, default=0, help="with --only sessions: how many (default: 15, in a share 3)")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for name, run in PARTS.items():
        if given.only in (None, name):
            more: dict[str, object] = {"only": given.loader} if given.loader else {}
            more |= {"visitors": given.visitors} if given.visitors else {}
            done.append(run(folder, given.seed, given.share, **more))
            done[-1].print()
            write(done, folder)
    return int(any(part.failures for part in done))


if __name__ == "__main__":
    sys.exit(main())
