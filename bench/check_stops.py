"""Did a stop hold? Read off the published log, the opened records and the clients' notes. Imports nothing of Forbear.

    python check_stops.py --log DIR --key VKEY --records FILE [--notes FILE ...]

`DIR` holds the log as it is served (`checkpoint`, `tile/...`: https://c2sp.org/tlog-tiles), `VKEY` its public key
(https://c2sp.org/signed-note), `FILE` one opened record a line, the notes one request a line.

What is shown, and by what order:

1. The tree. The checkpoint is signed by the key; its root and every tile follow from the entries; every opened
   record hashes to the entry that bears its id, and every entry of a kind that is opened has its record.
2. Log order. Whoever says stop, is permitted or redeems holds the same person's lock from before the leaf is queued
   until the commit, and leaves are sequenced as they were queued. So of one person the log's order is the order of
   the commits, whatever any clock says: no permit and no redemption that an opt-out covers has a higher index.
   (A whole list of opt-outs takes no person's lock; such lists are not judged here, and counted as left out.)
3. The database's clock, read under the same lock: the same once more, by the moments in the leaves.
4. Acknowledgement. The notes' clock is one for all clients. A request that was *sent* after an opt-out's answer had
   *arrived* must not be allowed. A request already on its way then may be: 2 says whether it was permitted before.
5. Nothing is lost: whatever was acknowledged (opt-out, decision with its permit, redemption) is in the log.

Ends with one line of JSON; exit code 1 where anything is found, 2 where the input cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DECISIONS, EVENT, EVENTS, REDEMPTION = 1, 2, 3, 4
ALLOW = 0
EMERGENCY, CONFIRMATION = 1 << 10, 1 << 9  # purposes that an opt-out does not stop
CHANNELS = {"voice": 1, "sms": 2, "email": 4}
NUMBERED = 3  # a call and a text reach the same number
PHONE = 1 << 60
MISSING = -(2**31)
EXPECTED = {"decide": {200, 503}, "redeem": {200, 404, 409, 410, 503}, "opt_out": {201, 503}}


class Unreadable(Exception):
    """The input is not what it should be; nothing can be concluded."""


class Entry(NamedTuple):
    place: int
    kind: int
    source: str
    hash: bytes


class Stop(NamedTuple):
    """An opt-out: from this entry on."""

    place: int
    at: int  # microseconds
    event: str
    channels: int  # mask; 0 all


# --- the tree (RFC 6962) and its files (C2SP tlog-tiles)


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there, from the bottom up."""
    level = list(leaves)
    while len(level) > 1:
        pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0] if level else hashlib.sha256(b"").digest()


def tile_path(level: str, n: int, width: int) -> str:
    groups = f"{n % 1000:03d}"
    while n >= 1000:
        n //= 1000
        groups = f"x{n % 1000:03d}/{groups}"
    return f"tile/{level}/{groups}" + (f".p/{width}" if width < 256 else "")


def read_file(log: Path, level: str, n: int, width: int) -> bytes:
    """A partial tile may be gone once the whole one is there: that begins with it."""
    for wide in dict.fromkeys((width, 256)):
        path = log / tile_path(level, n, wide)
        if path.is_file():
            return path.read_bytes()
    raise Unreadable(f"{tile_path(level, n, width)} is missing")


def read_log(log: Path, vkey: str, faults: list[str]) -> list[Entry]:
    """The entries, after the signature, the root and every tile were checked."""
    note = (log / "checkpoint").read_text(encoding="utf-8")
    size, root = checked_head(note, vkey)
    entries: list[Entry] = []
    hashes: list[bytes] = []
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        data, at = read_file(log, "entries", n, width), 0
        for _ in range(width):
            (length,) = struct.unpack_from(">H", data, at)
            entry = data[at + 2 : at + 2 + length]
            at += 2 + length
            hashes.append(leaf_hash(entry))
            kind, source, hashed = struct.unpack(">B16s32s", entry)
            entries.append(Entry(len(entries), kind, source.hex(), hashed))
    if root_of(hashes) != root:
        faults.append("the entries do not give the root that was signed")
    level, row = 0, hashes
    while row:
        for n in range((len(row) + 255) // 256):
            some = row[256 * n : 256 * n + 256]
            if read_file(log, str(level), n, len(some))[: 32 * len(some)] != b"".join(some):
                faults.append(f"{tile_path(str(level), n, len(some))} does not follow from the entries")
        row = [root_of(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    return entries


def checked_head(note: str, vkey: str) -> tuple[int, bytes]:
    """Size and root, once a signature of this key was found good. Raises `Unreadable`."""
    name, key_id, coded = vkey.split("+", 2)
    raw = base64.b64decode(coded)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    wanted = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if wanted.hex() != key_id or raw[:1] != b"\x01":
        raise Unreadable("the key is not an Ed25519 key of that name")
    for line in signatures.splitlines():
        dash, by, signed = line.split(" ")
        bits = base64.b64decode(signed)
        if dash == "\u2014" and by == name and bits[:4] == wanted:
            if not ed25519_verifies(raw[1:], text.encode(), bits[4:]):
                raise Unreadable("the checkpoint's signature is false")
            _, size, root = text.splitlines()[:3]
            return int(size), base64.b64decode(root)
    raise Unreadable("the checkpoint is not signed by this key")


# --- Ed25519, verifying only (RFC 8032 section 5.1.7)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64:
        return False
    key, r = unpack_point(public), unpack_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def unpack_point(packed: bytes) -> Point | None:
    y = int.from_bytes(packed, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add(one: Point, two: Point) -> Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            found = add(found, point)
        point, n = add(point, point), n >> 1
    return found


_BASE = unpack_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
assert _BASE is not None
BASE: Point = _BASE


# --- records and their hashes (the layouts are public: they are what a receipt shows)


def event_hash(row: dict[str, Any]) -> bytes:
    payload = json.dumps(row["payload"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    kind, by = row["event"].encode(), row["known_by"].encode()
    fixed = struct.pack(
        ">16sqq16s16s32s",
        *(unhex(row["id"]), row["happened_at"], row["learnt_at"], unhex(row["account"]), unhex(row["seller"])),
        unhex(row["personal_hash"], 32),
    )
    return leaf_hash(fixed + struct.pack(">HHI", len(kind), len(by), len(payload)) + kind + by + payload)


def decision_hash(row: dict[str, Any]) -> bytes:
    """Of a row whose address is not the one under its seal: of no decision."""
    address = struct.pack(">qh16s", row["addr"], row["key_id"], unhex(row["mac"]))
    if hashlib.sha256(unhex(row["salt"]) + address).digest()[:16] != unhex(row["seal"]):
        return bytes(32)
    rules, owed, facts = row["rules"].encode(), row["obligations"].encode(), unhex(row["facts"])
    fixed = struct.pack(
        ">16sq16s16s16shhhBbq16s16s",
        *(unhex(row["id"]), row["at"], unhex(row["account"]), unhex(row["seller"]), unhex(row["seal"])),
        *(row["channel"], row["purpose"], row["mode"], row["verdict"]),
        *(-1 if row["cure"] is None else row["cure"], MISSING if row["earliest"] is None else row["earliest"]),
        *(unhex(row["permit"]), unhex(row["selector"])),
    )
    lengths = struct.pack(">III", len(rules), len(owed), len(facts))
    return leaf_hash(fixed + lengths + rules + owed + facts + row["overrides"].encode())


def redemption_hash(row: dict[str, Any]) -> bytes:
    return leaf_hash(struct.pack(">16sq", unhex(row["permit"]), row["at"]))


def unhex(text: str | None, zeros: int = 16) -> bytes:
    return bytes.fromhex(text.replace("-", "")) if text else bytes(zeros)


def plain(identity: str) -> str:
    return identity.replace("-", "")


class Opened:
    """The opened records, each found in the log."""

    def __init__(self, records: Iterable[dict[str, Any]], entries: Sequence[Entry], faults: list[str]) -> None:
        self.faults = faults
        self.entries = {(entry.kind, entry.source): entry for entry in entries}
        if len(self.entries) != len(entries):
            faults.append("something stands in the log twice")
        self.events: dict[str, tuple[int, dict[str, Any]]] = {}
        self.decisions: dict[str, tuple[int, dict[str, Any]]] = {}
        self.redemptions: dict[str, tuple[int, dict[str, Any]]] = {}
        self.by_permit: dict[str, dict[str, Any]] = {}
        self.left_out = 0
        batches: dict[str, list[dict[str, Any]]] = defaultdict(list)
        seen: set[tuple[int, str]] = set()
        for row in records:
            match row["record"]:
                case "event" if row["batch"] is not None:
                    self.left_out += row["event"] == "opt_out:said"
                    seen.add((EVENTS, plain(row["batch"])))
                case "event":
                    self.place(EVENT, row["id"], event_hash(row), row, self.events, seen)
                case "redemption":
                    self.place(REDEMPTION, row["permit"], redemption_hash(row), row, self.redemptions, seen)
                case "decision":
                    batches[plain(row["batch"])].append(row)
                case other:
                    raise Unreadable(f"a record of kind {other}")
        for batch, rows in batches.items():
            rows.sort(key=lambda row: row["batch_index"])
            where = self.find(DECISIONS, batch, root_of([decision_hash(row) for row in rows]), seen)
            for row in rows:
                self.decisions[plain(row["id"])] = (where, row)
                if row["permit"]:
                    self.by_permit[plain(row["permit"])] = row
        for kind, source in self.entries.keys() - seen:
            if kind in (DECISIONS, EVENT, REDEMPTION):
                faults.append(f"entry {self.entries[kind, source].place} (kind {kind}, {source}) has no record")

    def place(self, kind: int, identity: str, hashed: bytes, row: dict[str, Any], into: Any, seen: Any) -> None:
        into[plain(identity)] = (self.find(kind, plain(identity), hashed, seen), row)

    def find(self, kind: int, source: str, hashed: bytes, seen: set[tuple[int, str]]) -> int:
        """The place in the log; -1 where it has none."""
        seen.add((kind, source))
        entry = self.entries.get((kind, source))
        if entry is None:
            self.faults.append(f"record {source} (kind {kind}) is not in the log")
            return -1
        if entry.hash != hashed:
            self.faults.append(f"record {source} (kind {kind}) is not what was logged")
        return entry.place

    def stops(self) -> dict[tuple[int, str], list[Stop]]:
        """By person and seller: the opt-outs from everything, earliest in the log first."""
        found: dict[tuple[int, str], list[Stop]] = defaultdict(list)
        for identity, (index, row) in self.events.items():
            if row["event"] != "opt_out:said":
                continue
            salt, part = unhex(row["salt"], 0), unhex(row["part"], 0)
            if hashlib.sha256(salt + part).digest() != unhex(row["personal_hash"], 32):
                self.faults.append(f"the personal part of opt-out {identity} is not what was logged")
                continue
            number = json.loads(part)["address"].lstrip("+")
            if row["payload"]["covers"] != "all" or not number.isdigit():
                self.left_out += 1
                continue
            bit = CHANNELS[row["payload"]["channel"]]
            channels = NUMBERED if bit & NUMBERED else bit
            found[PHONE | int(number), plain(row["seller"])].append(Stop(index, row["learnt_at"], identity, channels))
        for some in found.values():
            some.sort()
        return found


# --- what must hold


def check_order(opened: Opened, faults: list[str]) -> Counter[str]:
    """No permit and no redemption after an opt-out that covers it: by the log's order, and by the database's clock."""
    seen: Counter[str] = Counter()
    stops = opened.stops()
    seen["opt_outs"] = sum(map(len, stops.values()))

    def check(what: str, identity: str, index: int, at: int, decision: dict[str, Any]) -> None:
        seen[f"{what}s"] += 1
        if decision["purpose"] & (EMERGENCY | CONFIRMATION):
            return
        before = False
        for stop in stops.get((decision["addr"], plain(decision["seller"])), ()):
            if not stop.channels & decision["channel"]:
                continue
            if index > stop.place:
                faults.append(f"{what} {identity}: entry {index} after opt-out {stop.event}, entry {stop.place}")
            elif at > stop.at:
                faults.append(
                    f"{what} {identity}: {at - stop.at} us after opt-out {stop.event} by the database's clock"
                )
            before |= 0 <= index < stop.place
        seen[f"{what}s before a stop"] += before

    for identity, (index, row) in opened.decisions.items():
        if row["verdict"] == ALLOW:
            check("permit", identity, index, row["at"], row)
        else:
            seen["refused"] += 1
    for permit, (index, row) in opened.redemptions.items():
        decision = opened.by_permit.get(permit)
        if decision is None:
            faults.append(f"redemption of {permit}: no decision gave that permit")
        else:
            check("redemption", permit, index, row["at"], decision)
    return seen


def check_notes(notes: Sequence[dict[str, Any]], opened: Opened, faults: list[str]) -> Counter[str]:
    """Nothing acknowledged is lost, and nothing sent after a stop was acknowledged is allowed."""
    seen: Counter[str] = Counter()
    acknowledged: dict[str, int] = {}
    redeemed: Counter[str] = Counter()
    for note in notes:
        if note["got"] is None:
            seen["unanswered"] += 1
        elif note["status"] not in EXPECTED[note["what"]]:
            faults.append(f"{note['what']} was answered {note['status']} {note.get('problem', '')}")
        elif note["what"] == "opt_out" and note["status"] == 201:
            seen["acknowledged opt_outs"] += 1
            acknowledged[note["person"]] = min(note["got"], acknowledged.get(note["person"], note["got"]))
            for event in note["events"]:
                if opened.events.get(plain(event), (-1,))[0] < 0:
                    faults.append(f"opt-out {event} was acknowledged and is not in the log")
    for note in notes:
        if note["got"] is None or note["status"] != 200:
            continue
        if note["what"] == "redeem":
            redeemed[note["permit"]] += 1
            late(note, note["person"], f"permit {note['permit']} was redeemed", acknowledged, faults)
        elif note["what"] == "decide":
            for person, identity, verdict, permit in note["answers"]:
                seen["acknowledged decisions"] += 1
                index, row = opened.decisions.get(plain(identity), (-1, None))
                if row is None or index < 0:
                    faults.append(f"decision {identity} was acknowledged and is not in the log")
                elif ((row["verdict"] == ALLOW) != (verdict == "allow")) or row["permit"] != permit:
                    faults.append(f"decision {identity} was answered otherwise than it is logged")
                if permit:
                    redeemed[permit] += note["redeem"]
                    late(note, person, f"decision {identity} allowed", acknowledged, faults)
                elif note["sent"] > acknowledged.get(person, note["sent"]):
                    seen["refused after an acknowledgement"] += 1
    for permit, times_told in redeemed.items():
        if times_told > 1:
            faults.append(f"permit {permit} was redeemed {times_told} times")
        if times_told and opened.redemptions.get(plain(permit), (-1,))[0] < 0:
            faults.append(f"redemption of {permit} was acknowledged and is not in the log")
    seen["acknowledged redemptions"] = sum(redeemed.values())
    return seen


def late(note: dict[str, Any], person: str, what: str, acknowledged: dict[str, int], faults: list[str]) -> None:
    since = note["sent"] - acknowledged.get(person, note["sent"])
    if since > 0:
        faults.append(f"{what}, asked {since / 1e6:.1f} ms after the opt-out was acknowledged")


def lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as rows:
        for row in rows:
            yield json.loads(row)


def check(log: Path, vkey: str, records: Path, notes: Sequence[Path]) -> dict[str, Any]:
    """What was looked at, and everything that is wrong. Raises `Unreadable`."""
    faults: list[str] = []
    entries = read_log(log, vkey, faults)
    opened = Opened(lines(records), entries, faults)
    seen = check_order(opened, faults)
    seen += check_notes([note for path in notes for note in lines(path)], opened, faults)
    return {"entries": len(entries), **dict(seen), "left_out": opened.left_out, "faults": faults}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--log", type=Path, required=True)
    options.add_argument("--key", required=True, help="NAME+ID+BASE64")
    options.add_argument("--records", type=Path, required=True)
    options.add_argument("--notes", type=Path, nargs="*", default=[])
    given = options.parse_args()
    try:
        found = check(given.log, given.key, given.records, given.notes)
    except (Unreadable, OSError, ValueError, KeyError, struct.error) as fault:
        print(f"check_stops: {type(fault).__name__}: {fault}", file=sys.stderr)
        return 2
    for line in found["faults"][:50]:
        print(line)
    print(json.dumps(found | {"faults": len(found["faults"])}))
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
