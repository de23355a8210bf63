"""`labkit app`: the dashboard in the browser."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click


@click.command()
@click.option("--port", type=int, default=8501, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open a browser window.")
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of your own runs.")
@click.pass_context
def app(context: click.Context, port: int, browser: bool, store: str) -> None:
    """Open the dashboard on this machine (localhost only)."""
    page = Path(__file__).resolve().parents[2] / "app" / "main.py"
    if not page.is_file():
        raise ValueError(
            "the dashboard lives in the repository's app folder, which this installation lacks; clone it and run make app"
        )
    if importlib.util.find_spec("streamlit") is None:
        raise ValueError("streamlit is not installed; run: pip install 'labkit[app]'")
    if not 1 <= port <= 65535:
        raise ValueError(f"port must lie between 1 and 65535, got {port}")
    options = [f"--server.port={port}", f"--server.headless={str(not browser).lower()}"]
    plugins = [str(Path(path).resolve()) for path in (context.obj or {}).get("plugins", ())]
    own = ["--", "--store", str(Path(store).resolve()), *(word for path in plugins for word in ("--plugin", path))]
    # Streamlit's own message is off, because it comes with a card over the page
    click.echo(f"the dashboard runs at http://localhost:{port}; press Ctrl+C to stop it")
    # cwd: streamlit reads .streamlit/config.toml (localhost only, no usage statistics) of the folder it starts in
    sys.exit(subprocess.call([sys.executable, "-m", "streamlit", "run", str(page), *options, *own], cwd=page.parents[1]))
