"""E-mail addresses in two forms: the one to send to, and the one to match by.

The sending form keeps the local part's case and has the domain as A-labels (IDNA 2008
after UTS 46 mapping). The matching form also folds the local part's case, so that a STOP
from `Pat@` covers `pat@`. Dots and `+tags` are kept: only the provider knows what they mean.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import Final, NamedTuple

import idna
import polars as pl

LONGEST: Final = 254
LONGEST_LOCAL: Final = 64


class EmailFault(Enum):
    """Why a text is no address we can send to. The value is the column form; 0 there means understood."""

    EMPTY = 1
    TOO_LONG = 2
    NO_SINGLE_AT = 3
    BAD_LOCAL_PART = 4
    BAD_DOMAIN = 5

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


class Email(NamedTuple):
    sending: str
    matching: str


_PLAIN = re.compile(
    r"([a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*)@"
    r"((?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)"
)
_ATOM = re.compile(r"[^\s\"(),:;<>@\[\\\].\x00-\x20\x7f]+(?:\.[^\s\"(),:;<>@\[\\\].\x00-\x20\x7f]+)*")
_TOP_LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")


def parse(text: str) -> Email | EmailFault:
    """Both forms, or why not. Quoted local parts, address literals and domains of one label are refused."""
    text = text.strip()
    if not text:
        return EmailFault.EMPTY
    if len(text) > LONGEST:
        return EmailFault.TOO_LONG
    plain = _PLAIN.fullmatch(text)
    if plain and "--" not in plain[2]:  # a label with `--` may be an A-label, for idna to judge
        if len(plain[1]) > LONGEST_LOCAL:
            return EmailFault.TOO_LONG
        domain = plain[2].lower()
        return Email(f"{plain[1]}@{domain}", f"{plain[1].lower()}@{domain}")
    local, at, domain = text.rpartition("@")
    if not at or "@" in local:
        return EmailFault.NO_SINGLE_AT
    local = unicodedata.normalize("NFC", local)
    if not _ATOM.fullmatch(local) or not local.isprintable():
        return EmailFault.BAD_LOCAL_PART
    if len(local.encode()) > LONGEST_LOCAL:
        return EmailFault.TOO_LONG
    try:
        host = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return EmailFault.BAD_DOMAIN
    labels = host.split(".")
    if len(labels) < 2 or not _TOP_LABEL.fullmatch(labels[-1]):
        return EmailFault.BAD_DOMAIN
    if len(local.encode()) + 1 + len(host) > LONGEST:
        return EmailFault.TOO_LONG
    return Email(f"{local}@{host}", f"{unicodedata.normalize('NFC', local.casefold())}@{host}")


def parse_column(texts: pl.Series) -> pl.DataFrame:
    """Columns `sending`, `matching` (null where not understood) and `fault` (0: understood), in the same order."""
    asked = texts.cast(pl.String).fill_null("").rename("text")
    unique = asked.unique()
    found = [parse(text) for text in unique]
    good = [email if isinstance(email, Email) else None for email in found]
    answers = pl.DataFrame(
        {
            "text": unique,
            "sending": pl.Series([email and email.sending for email in good], dtype=pl.String),
            "matching": pl.Series([email and email.matching for email in good], dtype=pl.String),
            "fault": pl.Series([e.value if isinstance(e, EmailFault) else 0 for e in found], dtype=pl.Int8),
        }
    )
    return asked.to_frame().join(answers, on="text", how="left", maintain_order="left").drop("text")
