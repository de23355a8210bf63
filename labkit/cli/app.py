"""`labkit app`: the dashboard in the browser."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from labkit.cli.options import MODEL, data_options, name_own, open_arguments
from labkit.cli.output import say


def find_page() -> Path:
    """Return the dashboard's script: an installed package carries it, a checkout has it beside the package.

    Returns
    -------
    pathlib.Path
        ``main.py`` in ``labkit/_dashboard/app`` or in the repository's ``app``.

    Raises
    ------
    ValueError
        When neither exists.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_dashboard" / "app", package.parent / "app"):
        if (folder / "main.py").is_file():
            return folder / "main.py"
    raise ValueError("this installation of labkit lacks the dashboard; install its wheel again, or run make app in the repository")


def _network(model: str | None, weights: str | None, where: dict[str, Any]) -> dict[str, Any]:
    """Return what the page Live is to open, checked as far as that takes no time."""
    opened = open_arguments(where)  # taken out of the others
    given = {key: value for key, value in {"name": model, "weights": weights, **where, **opened}.items() if value}
    if model is None:
        if given:
            raise ValueError(f"{', '.join(f'--{name}' for name in given)} say what a network is opened with; give --model too")
        return {}
    from labkit.models import defects

    name_own(model)
    found = defects(**given)
    if found:
        raise ValueError("; also: ".join(found))
    return given


@click.command()
@click.option("--port", type=int, default=8501, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open a browser window.")
@click.option("--public", is_flag=True, help="Listen to other machines too; visitors can then open no files of this one.")
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of your own runs.")
@click.option("--model", "model", help=f"Open Live on this network. {MODEL}")
@click.option("--weights", type=click.Path(), help="Its weights: .safetensors or a state dict.")
@data_options
@click.pass_context
def app(
    context: click.Context,
    port: int,
    browser: bool,
    public: bool,
    store: str,
    model: str | None,
    weights: str | None,
    **where: Any,
) -> None:
    """Open the dashboard on this machine (localhost only, unless --public)."""
    page = find_page()
    if importlib.util.find_spec("streamlit") is None:
        raise ValueError("streamlit is not installed; run: pip install 'labkit[app]'")
    if not 1 <= port <= 65535:
        raise ValueError(f"port must lie between 1 and 65535, got {port}")
    # the other settings stand in .streamlit/config.toml beside the page; an option overrides what the environment says too
    options = [
        f"--server.address={'0.0.0.0' if public else 'localhost'}",
        f"--server.port={port}",
        f"--server.headless={str(not browser).lower()}",
    ]
    options.append("--logger.hideWelcomeMessage=true")  # without it, a browser window comes with a card over the page
    plugins = [str(Path(path).resolve()) for path in (context.obj or {}).get("plugins", ())]
    own = ["--", "--store", str(Path(store).resolve()), "--from", os.getcwd()]
    own += ["--public"] if public else []
    own += [word for path in plugins for word in ("--plugin", path)]
    given = _network(model, weights, where)
    own += ["--own", json.dumps(given)] if given else []
    if public:
        click.echo(
            f"labkit: the dashboard listens to other machines: whoever reaches port {port} sees the runs in {store} and uses this "
            "processor; there is no password, and the form that opens files is off",
            err=True,
        )
    # in place of Streamlit's own message; printed before the page is ready
    say(f"labkit: the dashboard is at http://localhost:{port}; Ctrl-C stops it")
    # cwd: away from a .streamlit/config.toml of the user's folder; python -m finds the labkit of the same checkout there
    command = [sys.executable, "-m", "streamlit", "run", str(page), *options, *own]
    if os.name == "nt":
        context.exit(subprocess.call(command, cwd=page.parents[1]))
    os.chdir(page.parents[1])
    os.execv(sys.executable, command)  # a server of its own would outlive this process when it is terminated
