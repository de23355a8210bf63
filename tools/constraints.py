"""Write constraints.txt: exact versions of everything `.[all]` needs, and the size of the download; no addresses.

Run it with the environment's own pip after changing a dependency: ``.venv/bin/python tools/constraints.py``. Versions that are
pinned already stay; ``--upgrade`` takes the newest of everything.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def resolve(keep: bool) -> list[dict]:
    """Ask pip what it would install into an empty environment; `keep` holds the versions already pinned."""
    pins = ["-c", str(ROOT / "constraints.txt")] if keep and (ROOT / "constraints.txt").exists() else []
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", report.name]
        subprocess.run([*command, *pins, "-e", f"{ROOT}[all]"], check=True)
        return json.loads(Path(report.name).read_text())["install"]


def size(url: str) -> int:
    """Bytes of a wheel, on this disk or behind a HEAD request."""
    parsed = urllib.parse.urlparse(url)
    if parsed.scheme == "file":
        return os.path.getsize(urllib.request.url2pathname(parsed.path))
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=60) as answer:
        return int(answer.headers.get("Content-Length", 0))


def main() -> None:
    """Resolve, measure and write."""
    packages = [p for p in resolve(keep="--upgrade" not in sys.argv) if p["metadata"]["name"] != "labkit"]
    total = sum(size(package["download_info"]["url"]) for package in packages)
    lines = sorted(f"{p['metadata']['name'].lower()}=={p['metadata']['version']}" for p in packages)
    where = f"{platform.system()} {platform.machine()}, Python {'.'.join(platform.python_version_tuple()[:2])}"
    head = [
        f"# download: about {total / 1e9:.1f} GB in {len(lines)} packages ({where}; CUDA libraries of torch are most of it)",
        "# Exact versions known to work together; written by tools/constraints.py.",
    ]
    (ROOT / "constraints.txt").write_text("\n".join([*head, *lines]) + "\n")
    print(head[0][2:])


if __name__ == "__main__":
    main()
