"""The dossier to read: a PDF of what was collected. The template gets data alone; no text of it is markup."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import typst

from forbear.core.instants import moment_of
from forbear.gate.dossier_shape import BARRED, Dossier, Item, RuleText, Standing
from forbear.gate.dossier_words import KNOWN_BY, moment

MANY: Final = 1_500  # records; of more, each answer gets a line of its own and no more
_LONG: Final = re.compile(r"\S{30,}")
_FONTS_HOLD: Final = re.compile(r"[\u0000-\u024f\u0300-\u052f\u1e00-\u23ff\u2500-\u25ff\u27e8\u27e9\ufb00-\ufb06]*")
_ABOUT: Final = (
    (
        "What this is",
        "Everything that this installation of Forbear knows of one address and did about it, as far as the account"
        " named above may see it: what the person said, what they agreed to, every question whether they may be"
        " contacted and the answer, the rules that decided it with their sources, what became of the contact, and how"
        " all of it can be checked. It is written from the record, in the order of time; times are in UTC unless a"
        " place is named.",
    ),
    (
        "What it is not",
        "It is not legal advice and no certificate. It shows what was recorded here; what others hold, or what nobody"
        " recorded, is not in it. A rule is given as it was read on the day stated, with how sure that reading is.",
    ),
    (
        "How to check it",
        "The archive that goes with this text holds the records, the documents and a proof for each record, with a"
        " program of one file that checks them without Forbear. README.txt in it says how.",
    ),
)


def pdf(made: Dossier, proofs: Mapping[UUID, str], checkpoint: str | None) -> bytes:
    """`proofs`: by entry `proven`, `pending` or what is wrong. The same dossier gives the same bytes."""
    data = _data(made, proofs, checkpoint)
    text = json.dumps(data, ensure_ascii=False)
    template = resources.files("forbear.gate").joinpath("dossier.typ").read_bytes()
    return bytes(
        typst.compile(
            template,
            format="pdf",
            sys_inputs={"dossier": text},
            ignore_system_fonts=_FONTS_HOLD.fullmatch(text) is not None,
            timestamp=made.made_at // 1_000_000,
            pdf_tags=len(made.items)
            <= MANY,  # for screen readers; of thousands of records they weigh more than the text
        )
    )


def _data(made: Dossier, proofs: Mapping[UUID, str], checkpoint: str | None) -> dict[str, Any]:
    at = moment_of(made.made_at)
    return {
        "title": f"Dossier of {made.address}",
        "author": "Forbear",
        "description": f"Everything known and done about one address, of {made.scope}",
        "date": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "address": made.address,
        "scope": made.scope,
        "made": moment(made.made_at),
        "lead": "What is known and what was done, in the order of time",
        "head": [
            ["address", made.address],
            ["of", made.scope],
            ["made", moment(made.made_at)],
            ["covers", _span(made)],
            ["records", f"{len(made.items):,}"],
            ["rulebook now", f"{made.rulebook[:23]}…"],
        ],
        "about": [list(part) for part in _ABOUT],
        "notice": "This text is about a person. Give it to nobody who has no right to it.",
        "short": _short(made),
        "counts": _counts(made),
        "standing": [_standing(one) for one in made.standing],
        "months": _months(made, {str(number): rule.title for number, rule in enumerate(made.rules, 1)}),
        "rules": [_rule(number, one) for number, one in enumerate(made.rules, 1)],
        "lists": [
            [
                one.registry,
                one.snapshot or "no longer kept here",
                "no copy" if one.obtained_at is None else moment(one.obtained_at),
                one.edition or "–",
                f"{one.listed} of {one.n}",
            ]
            for one in made.lists
        ],
        "documents": [
            [str(one.event), one.media_type, f"{one.size:,}", _broken(one.digest.hex())] for one in made.documents
        ],
        "proof": _proof(made, proofs),
        "proofs": _proof_counts(proofs),
        "checkpoint": checkpoint,
        "searched-lead": "These parts of the record were looked through, under every key the address has or had:",
        "searched": [[name, f"{n:,}"] for name, n in made.searched],
    }


def _span(made: Dossier) -> str:
    if not made.items:
        return "nothing was recorded"
    return f"{moment(made.items[0].at)[:10]} to {moment(made.items[-1].at)[:10]}"


def _short(made: Dossier) -> list[str]:
    told = _in_short(made)
    if len(made.items) > MANY:
        told.append(
            f"There are {len(made.items):,} records: of each question whether the person may be contacted only a line"
            " stands here. The archive has every one whole, by its number in the order of time."
        )
    return told


def _in_short(made: Dossier) -> list[str]:
    if made.empty:
        return [
            "Nothing is recorded about this address. The last section says what was searched. This dossier is itself"
            " recorded from now on."
        ]
    bars = [one for one in made.standing if one.what == BARRED and one.stands]
    told = []
    if bars:
        first = min(one.since for one in bars)
        told.append(
            f"The person is not to be contacted: {len(bars)} {'entry stands' if len(bars) == 1 else 'entries stand'},"
            f" the first since {moment(first)}."
        )
    else:
        told.append("No suppression of this address stands.")
    if made.erased:
        told.append(
            "The person was erased: their number stands in the record no longer, only a hash of it that this"
            " installation alone can find. What it kept, it kept for the reasons given with each record."
        )
    said = [item for item in made.items if item.kind == "opt_out:said"]
    if said:
        last = max(item.learnt_at for item in said)
        allowed = [
            item for item in made.items if item.kind == "decision" and item.at > last and item.verdict == "allow"
        ]
        after = [item for item in allowed if not item.confirms]
        but = ", but for its confirmation" if len(after) < len(allowed) else ""
        told.append(
            f"They said stop {_times(len(said))}, the last time recorded {moment(last)}."
            f" After that {_nothing(len(after))} allowed{but}."
        )
    return told


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _nothing(n: int) -> str:
    return "no contact was" if n == 0 else "one contact was" if n == 1 else f"{n} contacts were"


def _counts(made: Dossier) -> list[list[str]]:
    counts: dict[str, int] = {}
    for item in made.items:
        name = item.title
        if item.verdict is not None:
            name = {"allow": "Asked: allowed", "defer": "Asked: not now", "deny": "Asked: no"}[item.verdict]
        counts[name] = counts.get(name, 0) + 1
    return [[name, f"{n:,}"] for name, n in sorted(counts.items())]


def _standing(one: Standing) -> dict[str, Any]:
    state = "stands" if one.stands else "ended"
    tone = "" if not one.stands else "deny" if one.what == BARRED else "allow"
    lines = [[name, _broken(value)] for name, value in one.lines]
    since = "a day not known" if one.since == 0 else moment(one.since)
    return {"what": one.what, "whose": one.whose, "lines": lines, "since": since, "state": state, "tone": tone}


def _brief(item: Item) -> str | None:
    """One answer in a line."""
    known = dict(item.lines)
    asked = [known.get("asked", ""), *([f"for {item.seller}"] if item.seller else [])]
    rules = f"rule{'s' if len(item.rules) > 1 else ''} {', '.join(item.rules)}" if item.rules else ""
    became = known.get("what became of it", "used" if "used" in known and known["used"][:2] != "no" else "")
    return " · ".join(part for part in (*asked, rules, became) if part)


def _months(made: Dossier, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    numbered = list(enumerate(made.items, 1))
    brief = len(made.items) > MANY
    return [
        {"name": name, "items": [_item(number, item, titles, brief) for number, item in some]}
        for name, some in groupby(numbered, key=lambda pair: f"{moment_of(pair[1].at):%B %Y}")
    ]


def _item(number: int, item: Item, titles: Mapping[str, str], many: bool) -> dict[str, Any]:
    at = moment_of(item.at)
    if many and item.verdict is not None:
        return {
            "brief": _brief(item),
            "number": f"No. {number}",
            "when": f"{at:%d %b %Y %H:%M:%S}",
            "verdict": item.verdict,
        }
    lines = [[name, _broken(value)] for name, value in item.lines]
    if item.rules:
        rules = "; ".join(f"{one}: {titles[one]}" for one in item.rules)
        lines.insert(2, [f"decided by rule{'s' if len(item.rules) > 1 else ''}", rules])
    if item.local:
        lines.insert(min(len(lines), 2), ["the clock there", "; ".join(item.local)])
    if item.documents:
        lines.append(["documents", ", ".join(f"sha256:{one[:16]}…" for one in item.documents)])
    if abs(item.learnt_at - item.at) > 60_000_000:
        lines.append(["learnt", moment(item.learnt_at)])
    who = [item.account, *([f"for {item.seller}"] if item.seller else [])]
    if item.known_by:
        who.append(KNOWN_BY.get(item.known_by, item.known_by))
    return {
        "brief": None,
        "number": f"No. {number}",
        "day": f"{at:%d %b %Y}",
        "clock": f"{at:%H:%M:%S} UTC",
        "title": item.title,
        "verdict": item.verdict,
        "who": " · ".join(who),
        "quote": None if item.quote is None else _broken(item.quote),
        "lines": lines,
        "personal": item.personal,
        "id": str(item.id),
        "long": len(lines) > 14 or len(item.quote or "") > 1500,
    }


def _rule(number: int, one: RuleText) -> dict[str, Any]:
    lines = [["about", one.about]] if one.about else []
    for title, seen, url in one.cites:
        lines.append(["source", f"{title}, read {seen}{f', {_broken(url)}' if url else ''}"])
    if one.confidence:
        lines.append(["how sure", one.confidence])
    if one.override:
        lines.append(["the operator's text", one.override])
    lines.append(["in the rulebook", f"{one.rulebook[:23]}…"])
    return {"number": str(number), "title": one.title, "rule": one.rule, "text": one.text, "lines": lines}


def _proof(made: Dossier, proofs: Mapping[UUID, str]) -> list[str]:
    told = [
        "Every record here is an entry of a log that can only grow: a Merkle tree whose head is signed. Whoever has the"
        " signed head can tell whether a record was changed, taken out or put in later. What is personal is not in the"
        " log, only its salted hash; the archive holds the salt, so that the words can be checked against it."
    ]
    if not proofs:
        told.append("There is nothing to prove." if made.empty else "No log runs on this installation.")
    elif any(state == "pending" for state in proofs.values()):
        told.append(
            "Records that are pending were made within the last seconds: the log takes them up with its next head."
        )
    return told


def _proof_counts(proofs: Mapping[UUID, str]) -> list[list[str]]:
    counts: dict[str, int] = {}
    for state in proofs.values():
        counts[state] = counts.get(state, 0) + 1
    return [[state, f"{n:,}"] for state, n in sorted(counts.items())]


def _broken(text: str) -> str:
    """Long runs may break at the end of a line."""
    return _LONG.sub(lambda run: "\u200b".join(re.findall(r".{1,12}", run.group())), text)
