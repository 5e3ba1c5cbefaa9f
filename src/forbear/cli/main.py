"""`forbear …`: mounts the commands, and turns whatever goes wrong into one line and an exit code.

Exit codes: 0 fine · 1 the answer is "no" (a contact not allowed, a difference found) ·
2 bad input · 3 a failure of our own, or something needed is not available.

Commands import what they need when they run, so that `forbear --help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from typing import Annotated, Final

import typer

from forbear.core.errors import BadInput

FINE: Final = 0
REFUSED: Final = 1
BAD_INPUT: Final = 2
FAILED: Final = 3

_COMMANDS: Final = (  # in the order `--help` shows them
    "serve",
    "judge",
    "wash",
    "decide",
    "explain",
    "registry",
    "consent",
    "form",
    "relationship",
    "suppress",
    "join",
    "opt_out",
    "inbound",
    "review",
    "alert",
    "account",
    "rulebook",
    "rulebook_diff",
    "shadow",
    "audit",
    "sequencer",
    "auditd",
    "dossier",
    "person",
    "probe",
    "worker",
    "database",
)

app = typer.Typer(
    name="forbear",
    help="The gate between the systems that call, text and mail people, and the people.",
    epilog="Exit codes: 0 fine · 1 not allowed, or a difference found · 2 bad input · 3 our own failure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing it with rich takes four times as long
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("forbear"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """What holds for every command."""


@cache
def mount() -> typer.Typer:
    """The whole command line, put together once."""
    for name in _COMMANDS:
        importlib.import_module(f"forbear.cli.{name}").register(app)
    return app


def run() -> None:
    """The console script. Never returns."""
    mount()
    try:
        code = app(standalone_mode=False)
    except BadInput as error:
        _fail(str(error), BAD_INPUT)
    except BrokenPipeError:  # the reader of our output went away: `forbear … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)
    except (KeyboardInterrupt, EOFError):
        _fail("stopped", 130)
    except OSError as error:
        _fail(_what_failed(error), FAILED)
    except Exception as error:  # the last edge: a line and a code, or the whole trace when asked for
        usage = getattr(error, "format_message", None)  # click's own: an unknown option, a missing argument
        if usage is not None:
            show = getattr(error, "show", None)
            if show is not None:
                show()
            sys.exit(BAD_INPUT)
        if os.environ.get("FORBEAR_TRACE"):
            raise
        _fail(f"{type(error).__name__}: {error}".strip(": \n"), FAILED, "set FORBEAR_TRACE=1 to see where it failed")
    sys.exit(code if isinstance(code, int) else FINE)


def _what_failed(error: OSError) -> str:
    named = f"{error.filename}: " if error.filename else ""
    return named + (error.strerror or str(error) or type(error).__name__)


def _fail(said: str, code: int, hint: str = "") -> None:
    print(f"forbear: {said.strip().partition(chr(10))[0]}", file=sys.stderr)  # noqa: T201 - this is what the command says
    if hint:
        print(f"forbear: {hint}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    run()
