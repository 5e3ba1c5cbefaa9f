#!/usr/bin/env python3
"""Checks a Forbear proof file against the log's public key. Needs Python 3.9 and nothing else.

    python3 verify.py PROOF.json VKEY [VKEY ...]

A VKEY is written NAME+ID+BASE64; `/log/keys` of the log lists them. Get it from somebody you trust, not from who handed
you the proof. Exit code 0: everything holds; 1: something does not; 2: the file or the key cannot be read.

What is checked, from the bottom: the record's bytes are built from its values; their hash leads by the first path to
the root of its small tree, where it has one; that is the log's entry; by the second path it leads to the root in the
signed head; and the head's Ed25519 signature (RFC 8032) is that of the key. Hashes are those of RFC 6962.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]

# --- Ed25519 (RFC 8032 section 5.1.7), for checking only

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _point(coded: bytes) -> Point:
    y = int.from_bytes(coded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, point: Point) -> Point:
    found = (0, 1, 1, 0)
    while n:
        if n & 1:
            found = _add(found, point)
        point, n = _add(point, point), n >> 1
    return found


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    try:
        a, r = _point(public), _point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = _times(s, base), _add(r, _times(h, a))
    return not (left[0] * right[2] - right[0] * left[2]) % P and not (left[1] * right[2] - right[1] * left[2]) % P


# --- Merkle trees (RFC 6962, and RFC 9162 section 2.1.3.2 for checking)


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def climb(found: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that the path leads to; None where it does not fit the place."""
    last = size - 1
    if not 0 <= index <= last:
        return None
    for step in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + step + found).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + step).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 else None


# --- the records' bytes


def _id(said: str | None) -> bytes:
    return bytes(16) if said is None else uuid.UUID(said).bytes


def _hex(said: str | None, length: int) -> bytes:
    found = bytes(length) if said is None else bytes.fromhex(said)
    if len(found) != length:
        raise ValueError("a value of a wrong length")
    return found


def _at(said: str) -> int:
    """RFC 3339 in UTC, in microseconds."""
    whole, _, fraction = said[:-1].partition(".")
    if said[-1:] != "Z" or len(fraction) > 6:
        raise ValueError(f"not a moment in UTC: {said}")
    since = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S") - datetime(1970, 1, 1)  # noqa: DTZ001, DTZ007
    return since // timedelta(microseconds=1) + int((fraction + "000000")[:6])


def record_bytes(record: str, v: Any) -> bytes:
    if record == "event":
        payload = json.dumps(v["payload"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        kind, by = str(v["kind"]).encode(), str(v["known_by"]).encode()
        fixed = _id(v["id"]) + struct.pack(">qq", _at(v["happened_at"]), _at(v["learnt_at"]))
        fixed += _id(v["account"]) + _id(v["seller"]) + _hex(v["personal_hash"], 32)
        return fixed + struct.pack(">HHI", len(kind), len(by), len(payload)) + kind + by + payload
    if record == "redemption":
        return _id(v["permit"]) + struct.pack(">q", _at(v["at"]))
    if record == "disposition":
        said = [-1 if v[n] is None else int(v[n]) for n in ("answered", "conversation", "abandoned", "refused")]
        by, what = str(v["known_by"]).encode(), str(v["outcome"]).encode()
        lengths = struct.pack(">bbbbHH", *said, len(by), len(what))
        return _id(v["permit"]) + struct.pack(">q", _at(v["at"])) + lengths + by + what
    if record == "decision":
        cure = -1 if v["cure"] is None else v["cure"]
        earliest = -(2**31) if v["earliest"] is None else _at(v["earliest"])
        fixed = _id(v["id"]) + struct.pack(">q", _at(v["at"])) + _id(v["account"]) + _id(v["seller"])
        fixed += _hex(v["seal"], 16)
        fixed += struct.pack(">hhhBbq", v["channel"], v["purpose"], v["mode"], v["verdict"], cure, earliest)
        fixed += _id(v["permit"]) + _hex(v["selector"], 16)
        parts = [v["rules"].encode(), v["obligations"].encode(), bytes.fromhex(v["facts"])]
        return fixed + struct.pack(">III", *map(len, parts)) + b"".join(parts) + str(v["overrides"]).encode()
    raise ValueError(f"no record is called {record!r}")


# --- the file

# kind of entry -> which record it holds, and whether by way of a small tree
KINDS = {
    1: ("decision", True),
    2: ("event", False),
    3: ("event", True),
    4: ("redemption", False),
    5: ("disposition", False),
}


def signed_head(note: str, vkeys: list[str]) -> tuple[int, bytes, list[str]]:
    """(size, root, names of the keys) of a checkpoint that one of the keys signed. Raises ValueError."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    by = []
    for vkey in vkeys:
        name, key_id, coded = vkey.split("+", 2)
        raw = base64.b64decode(coded)
        digest = hashlib.sha256(name.encode() + b"\n" + raw).digest()
        if raw[:1] != b"\1" or len(raw) != 33 or digest[:4].hex() != key_id:
            raise ValueError("not an Ed25519 key: " + vkey)
        for line in signatures.splitlines():
            dash, who, written = line.split(" ")
            signature = base64.b64decode(written)
            if dash == "\u2014" and who == name and signature[:4] == digest[:4]:
                if not ed25519(raw[1:], signature[4:], text.encode()):
                    raise ValueError(f"the head's signature by {name} is false")
                by.append(f"{name}+{key_id}")
    if not by:
        raise ValueError("the head is not signed with a key you named")
    origin, size, root = text.split("\n")[:3]
    if not any(key.startswith(origin + "+") for key in by):
        raise ValueError(f"the head is of another log: {origin}")
    return int(size), base64.b64decode(root), by


def check(proof: dict[str, Any], size: int, root: bytes | None) -> str:
    """What is proved, in words. Raises ValueError saying what does not hold."""
    found: bytes | None
    values, batch, kind = proof["values"], proof["batch"], proof["entry"]["kind"]
    if KINDS.get(kind) != (proof["record"], batch is not None):
        raise ValueError("the entry of the log is of another kind")
    found = leaf(record_bytes(proof["record"], values))
    said = str(proof["record"]) + " "
    if proof["record"] == "decision":
        said += _of(values, proof["address"])
    if batch is not None:
        found = climb(found, batch["index"], batch["size"], [bytes.fromhex(step) for step in batch["path"]])
        if found is None:
            raise ValueError("the path through the small tree does not fit its place")
    entry = struct.pack(">B", kind) + uuid.UUID(proof["entry"]["source"]).bytes + found
    if climb(leaf(entry), proof["index"], size, [bytes.fromhex(step) for step in proof["path"]]) != root:
        raise ValueError(f"the {proof['record']} is not what was logged as entry {proof['index']}")
    personal = proof.get("personal")
    if personal is not None:
        hashed = hashlib.sha256(bytes.fromhex(personal["salt"]) + personal["part"].encode()).hexdigest()
        if hashed != values["personal_hash"]:
            raise ValueError("the personal part is not the one that was logged")
        said += f"with its personal part {personal['part']} "
    return said + f"is entry {proof['index']}"


def _of(values: dict[str, Any], opening: dict[str, Any] | None) -> str:
    """Whose address is under the seal. Raises ValueError."""
    if opening is None:
        return "(its address was erased) "
    packed = struct.pack(">qh", opening["addr"], opening["key_id"]) + _hex(opening["mac"], 16)
    if hashlib.sha256(_hex(opening["salt"], 16) + packed).hexdigest()[:32] != values["seal"]:
        raise ValueError("the address is not the one that was logged")
    if opening["mac"] is None and opening["addr"] >> 60 == 1:
        return f"about +{opening['addr'] & (1 << 60) - 1} "
    return f"about the address with the key {opening['addr']} "


def _words(values: dict[str, Any]) -> dict[str, Any]:
    """What was checked, for reading: a decision's verdict by its name."""
    said = dict(values)
    if said.get("verdict") in (0, 1, 2):
        said["verdict"] = f"{said['verdict']} ({('allow', 'defer', 'deny')[said['verdict']]})"
    return said


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        sys.stderr.write((__doc__ or "").strip() + "\n")
        return 2
    try:
        said = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        if said["format"] != "forbear-proof/1":
            raise ValueError("not a proof of the form forbear-proof/1")
        proofs, note = said["proofs"], said["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"cannot read it: {error}\n")
        return 2
    try:
        size, root, by = signed_head(note, arguments[1:])
        lines = [check(proof, size, root) for proof in proofs]
        if not lines:
            raise ValueError("it proves nothing")
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, OverflowError) as error:
        sys.stdout.write(f"NOT PROVED: {error}\n")
        return 1
    for line, proof in zip(lines, proofs):  # noqa: B905 - Python 3.9 has no `strict`
        sys.stdout.write(f"{line} of the log of {size} that {' and '.join(by)} signed\n")
        for name, value in sorted(_words(proof["values"]).items()):
            sys.stdout.write(f"  {name:<13} {value if isinstance(value, str) else json.dumps(value)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
