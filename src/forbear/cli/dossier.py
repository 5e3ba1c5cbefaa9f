"""`forbear dossier`: everything known and done about one address, as a PDF to read and an archive to verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forbear.cli.say import AsJson


def register(app: typer.Typer) -> None:
    app.command(short_help="Everything known and done about one address.")(dossier)


def dossier(
    address: Annotated[str, typer.Argument(help="A number in full (+ and country code) or an e-mail address.")],
    account: Annotated[
        str | None, typer.Option("--account", "-a", help="Of this account alone.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Of the whole installation: for its operator.")] = False,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the two files go.")] = Path(),
    by: Annotated[str, typer.Option(help="Who makes it: kept with the event that it was made.")] = "operator",
    json: AsJson = False,
) -> None:
    """Make a dossier: NAME.pdf to read, NAME.zip to verify. That it was made is recorded."""
    from forbear.cli import say
    from forbear.cli.store import counted, of_account, opened, plainly
    from forbear.gate import dossier as gate_dossier
    from forbear.gate.dossier_pdf import pdf
    from forbear.gate.dossier_zip import archive, prove

    with opened() as connection, plainly():
        found = of_account(connection, account, everything)
        with counted("Reading") as tick:
            made = gate_dossier.collect(connection, address, account=found, tick=tick)
        with counted("Proving") as tick:
            proofs = prove(connection, made, tick)
        states = {identity: state for identity, (state, _) in proofs.items()}
        with counted("Writing"):
            text = pdf(made, states, _checkpoint())
            packed = archive(made, proofs, text)
        out.mkdir(parents=True, exist_ok=True)
        name = f"dossier-{_named(made.address)}-{_day(made.made_at)}"
        paths = [_write(out / f"{name}.pdf", text), _write(out / f"{name}.zip", packed)]
        event = gate_dossier.note_made(connection, made, by)
    counts: dict[str, int] = {}
    for state in states.values():
        counts[state] = counts.get(state, 0) + 1
    if json:
        said = {"records": len(made.items), "empty": made.empty, "erased": made.erased, "proofs": counts}
        say.as_json({**said, "event": event, "files": [str(path) for path in paths]})
        return
    say.pairs(
        [
            ("address", made.address),
            ("of", made.scope),
            ("records", f"{len(made.items):,}" if not made.empty else "none: nothing is known of this address"),
            *((state, f"{n:,} records") for state, n in sorted(counts.items())),
            ("to read", paths[0]),
            ("to verify", paths[1]),
            ("event", event),
        ]
    )


def _checkpoint() -> str | None:
    from forbear.ledger.logfiles import Folder

    return Folder().checkpoint()


def _named(address: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in address).strip("-")


def _day(at: int) -> str:
    from forbear.core.instants import moment_of

    return f"{moment_of(at):%Y%m%d}"


def _write(path: Path, content: bytes) -> Path:
    """It is about a person: for its owner's eyes."""
    draft = path.with_name(f".{path.name}.part")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
    return path
