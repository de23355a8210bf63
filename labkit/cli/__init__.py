"""The `labkit` command. Commands import their room when they run, so that ``labkit --help`` loads no torch."""

from __future__ import annotations

import gc
import shlex
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

import click

from labkit import __version__
from labkit.cli import app, compress, data, export, kernels, measures, methods, models, rules, runs, sweep, train
from labkit.cli.output import say
from labkit.cli.words import command_of, in_options
from labkit.messages import cut, said


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what cleans up after Ctrl-C does after it too."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="labkit")
@click.option("--debug", is_flag=True, help="Show the Python traceback of an error.")
@click.option(
    "--plugin",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="A Python file that registers methods, rules or measures; repeatable.",
)
@click.pass_context
def cli(context: click.Context, debug: bool, plugin: tuple[str, ...]) -> None:
    """Compress a network many ways and see at once what each method costs."""
    context.obj = {"plugins": plugin}
    if plugin:
        from labkit.plugins import load_plugin

        for path in plugin:
            load_plugin(path)


for command in (
    app.app,
    compress.audit,
    compress.compress,
    data.data,
    export.export,
    kernels.kernels,
    measures.measures,
    methods.methods,
    models.models,
    rules.rules,
    runs.runs,
    sweep.sweep,
    train.train,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; user errors are one sentence on stderr and exit code 2."""
    alone, arguments = arguments is None, sys.argv[1:] if arguments is None else arguments
    _prepare()
    try:
        code = cli.main(arguments, prog_name="labkit", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:  # no command given: the help is the answer
        click.echo(error.format_message())
        code = 0
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see: {context.command_path} --help)" if context else ""
        code = _fail(_misplaced(error, arguments) or f"{cut(error.format_message())}{hint}")
    except (ValueError, TypeError, OSError) as error:
        if "--debug" in arguments:
            raise
        code = _fail(in_options(cut(str(error)), command_of(cli, arguments)))
    except click.Abort as error:  # click's word for KeyboardInterrupt
        code = _interrupted(error.__cause__ or error)
    except KeyboardInterrupt as error:
        code = _interrupted(error)
    except BaseException as error:  # plugins, methods and networks of users raise errors of any type, and call sys.exit
        if "--debug" in arguments:
            raise
        code = _fail(f"{said(error)} (labkit --debug shows where)")
    if alone:
        gc.freeze()  # at its end Python looks through all objects for cycles, with torch for a second and more
    sys.exit(code or 0)


def _prepare() -> None:
    """Make SIGTERM an interruption, and print what the terminal's encoding cannot write as an escape."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # a program that calls main may have put another stream there
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _interrupted(error: BaseException) -> int:
    words = f": {error}" if str(error) and isinstance(error, KeyboardInterrupt) else ""
    say(f"labkit: interrupted{words}", err=True)
    return 143 if isinstance(error, Terminated) else 130


def _misplaced(error: click.ClickException, arguments: list[str]) -> str:
    """Return where an option of ``labkit`` itself belongs, where it was typed after the command; else nothing."""
    option = getattr(error, "option_name", "")
    if not isinstance(error, click.NoSuchOption) or option not in {name for param in cli.params for name in param.opts}:
        return ""
    place = next(place for place, word in enumerate(arguments) if word.partition("=")[0] == option)
    flag = "=" in arguments[place] or next(param for param in cli.params if option in param.opts).is_flag  # type: ignore[attr-defined]
    end = place + (1 if flag else 2)
    right = shlex.join([*arguments[place:end], *arguments[:place], *arguments[end:]])
    return f"{option} is an option of labkit itself and stands before the command; write: labkit {right}"


def _fail(sentence: str) -> int:
    say(f"labkit: {cut(' '.join(sentence.split()))}", err=True)
    return 2
