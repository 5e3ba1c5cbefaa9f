"""The dossier to verify: an archive of the records, the documents, the proofs and a program that checks them.

Deterministic: the same dossier has the same bytes, so that its digest can be noted and compared.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from importlib import resources
from typing import Any, Final
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, rfc3339
from forbear.gate.dossier import Tick
from forbear.gate.dossier_shape import Dossier
from forbear.gate.proofs import Pending, Prover
from forbear.ledger import blobs
from forbear.ledger.logfiles import KEYS, Folder
from forbear.ledger.logkeys import read_published

Proofs = dict[UUID, tuple[str, bytes | None]]
"""By record: `proven`, `pending` or what is wrong, and the proof file."""

_README: Final = """\
Dossier of {address}
Of {scope}. Made {made}.

dossier.pdf        to read
timeline.jsonl     what happened, in the order of time, with the numbers of dossier.pdf
records/*.jsonl    every record as it stands in the database, one JSON value a line
documents/         documents and recordings, each under the SHA-256 of its bytes
proofs/*.json      one proof for each event and decision: that it is in the log as it is here
checkpoint         the signed head of the log
keys, vkeys        the log's public keys: as it publishes them, with their times; and bare, one a line
verify.py          checks a proof with nothing but Python 3.9
manifest.json      the SHA-256 of every file here, and how each record stands to the log

To check one record:

    python3 verify.py proofs/ID.json $(cat vkeys)

or all of them:

    for proof in proofs/*.json; do python3 verify.py "$proof" $(cat vkeys) || echo "$proof FAILS"; done

Do not take the key from this archive if you doubt whoever gave it to you: every copy of the log publishes the same one
under /log/keys, and the head of the log you find there must grow out of `checkpoint` here.

A document's name is its digest: `sha256sum documents/*` must say the names again.
What is personal in an event is not in the log, only SHA-256(salt, personal part): the proof of an event holds both
where they are still kept, and verify.py checks them against the hash. Where the person was erased, the salt and the
part are gone, and the hash says nothing about anybody; that the event happened can still be shown.
`pending` in manifest.json: made within the last seconds, taken up by the log's next head. `erased`: the number was
erased from the decision; what was decided stays, under a seal instead of the address.

{counts}
"""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def prove(conn: Connection, made: Dossier, tick: Tick | None = None, prover: Prover | None = None) -> Proofs:
    """Where every record of the dossier stands to the log."""
    prover = prover or Prover()
    ids = [identity for item in made.items for identity in item.entries]
    found: Proofs = {}
    for place, identity in enumerate(ids):
        try:
            proof = prover.prove(conn, identity, account=made.account, opened=True)
        except Pending:
            found[identity] = ("pending", None)
        except BadInput as error:
            found[identity] = (f"not as it was logged: {error.what}", None)
        else:
            state = "proven" if proof is not None else "not in the ledger"
            if proof is not None and any("address" in one and one["address"] is None for one in proof["proofs"]):
                state = "proven, the number erased"
            body = None if proof is None else _lines(proof)
            found[identity] = (state, body)
        if tick is not None:
            tick(place + 1, len(ids))
    return found


def archive(made: Dossier, proofs: Proofs, pdf: bytes, folder: Folder | None = None) -> bytes:
    """The archive as bytes."""
    files: dict[str, bytes] = {"dossier.pdf": pdf}
    for source, rows in made.rows.items():
        if rows:
            name = source.replace(" ", "-")
            files[f"records/{name}.jsonl"] = b"".join(_line(row) for row in rows)
    files["timeline.jsonl"] = b"".join(
        msgspec.json.encode({"number": number, **msgspec.to_builtins(item)}) + b"\n"
        for number, item in enumerate(made.items, 1)
    )
    missing = []
    for one in made.documents:
        content = blobs.read(one.digest)
        if content is None:
            missing.append(one.digest.hex())
        else:
            files[f"documents/{one.digest.hex()}"] = content
    for identity, (_, body) in proofs.items():
        if body is not None:
            files[f"proofs/{identity}.json"] = body
    files["verify.py"] = resources.files("forbear.tlog").joinpath("offline.py").read_bytes()
    log = folder or Folder()
    for name, path in (("checkpoint", "checkpoint"), ("keys", KEYS)):
        content = log.read(path)
        if content is not None:
            files[name] = content
    if KEYS in files:
        files["vkeys"] = "".join(f"{key.vkey}\n" for key in read_published(files[KEYS])).encode()
    states: dict[str, int] = {}
    for state, _ in proofs.values():
        states[state] = states.get(state, 0) + 1
    counts = "\n".join(f"{n:>8,} {state}" for state, n in sorted(states.items())) or "No record."
    files["README.txt"] = _README.format(
        address=made.address, scope=made.scope, made=rfc3339(made.made_at), counts=counts
    ).encode()
    files["manifest.json"] = _manifest(made, files, proofs, missing)
    return _packed(files)


def _manifest(made: Dossier, files: Mapping[str, bytes], proofs: Proofs, missing: list[str]) -> bytes:
    return _lines(
        {
            "format": "forbear-dossier/1",
            "address": made.address,
            "scope": made.scope,
            "account": None if made.account is None else str(made.account),
            "made_at": rfc3339(made.made_at),
            "rulebook": made.rulebook,
            "searched": dict(made.searched),
            "documents_gone": sorted(set(missing)),
            "proofs": {str(identity): state for identity, (state, _) in sorted(proofs.items())},
            "files": {name: sha256(content).hexdigest() for name, content in sorted(files.items())},
        }
    )


def _packed(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"dossier/{name}", _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, files[name])
    return whole.getvalue()


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps({name: plain(value) for name, value in row.items()}, ensure_ascii=False).encode() + b"\n"


def _lines(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def plain(value: Any) -> Any:
    """A column's value for JSON: moments RFC 3339, bytes hex, a personal part as the JSON it is."""
    if isinstance(value, datetime):
        return rfc3339(at_of(value))
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return value
