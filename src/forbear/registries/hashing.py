"""Lists of hashes: how an address is written before it is hashed, and by which algorithm.

Such a list names nobody; the address one is about to contact is hashed the list's way and
looked up. What is kept and compared is the first 64 bits of each hash: two addresses that
share them would make one of them listed too, never a listed one free. No hash is printed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import phonenumbers
import polars as pl

from forbear.core import emails
from forbear.core.emails import Email
from forbear.core.errors import BadInput
from forbear.registries.numberset import Keys, NumberSet

ALGORITHMS: Final = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16}  # bytes of a digest
PHONE_FORMS: Final = ("e164", "digits", "national", "trunk")
MAIL_FORMS: Final = ("email", "domain", "@domain")

_SHOWN: Final = 8  # bytes of a digest that are kept


@dataclass(frozen=True, slots=True)
class Hashing:
    """How a list's hashes were made. An address with several forms is listed if any of them is.

    Of +44 20 7946 0018: `e164` +442079460018, `digits` 442079460018, `national` 2079460018, `trunk`
    02079460018. Of Pat@Mail.Example.org: `email` pat@mail.example.org, `@domain` @mail.example.org,
    `domain` mail.example.org and each domain above it.
    """

    algorithm: str
    forms: tuple[str, ...]
    country: str | None = None  # whose numbers `national` and `trunk` are

    @property
    def mail(self) -> bool:
        return self.forms[0] in MAIL_FORMS

    @property
    def calling_code(self) -> int:
        return phonenumbers.country_code_for_region(self.country or "")

    def numbers_in(self, held: NumberSet, numbers: Keys) -> npt.NDArray[np.bool_]:
        """Which E.164 numbers (not 0) stand in a set of this list's hashes."""
        found = np.zeros(numbers.shape, np.bool_)
        for form in self.forms:
            left = np.flatnonzero(~found)
            found[left] = held.contains(self._keys(self._written(form)(numbers[left].tolist())))
        return found

    def mails_in(self, held: NumberSet, texts: Sequence[str | None]) -> npt.NDArray[np.bool_]:
        """Which e-mail addresses, as the caller wrote them, stand in a set of this list's hashes."""
        forms = [_mail_forms(text, self.forms) for text in texts]
        row = np.repeat(np.arange(len(forms)), [len(some) for some in forms])
        hit = held.contains(self._keys([form.encode() for some in forms for form in some]))
        found = np.zeros(len(forms), np.bool_)
        found[row[hit]] = True
        return found

    def _written(self, form: str) -> Callable[[list[int]], list[bytes]]:
        """A function from E.164 numbers to what is hashed of them."""
        if form == "e164":
            return lambda numbers: [b"+%d" % number for number in numbers]
        if form == "digits":
            return lambda numbers: [b"%d" % number for number in numbers]
        code = len(str(self.calling_code))
        trunk = self._trunk.encode() if form == "trunk" else b""
        return lambda numbers: [trunk + (b"%d" % number)[code:] for number in numbers]

    @property
    def _trunk(self) -> str:
        plan = phonenumbers.PhoneMetadata.metadata_for_region(self.country or "", None)
        return (plan.national_prefix if plan is not None else None) or ""

    def _keys(self, written: Iterable[bytes]) -> Keys:
        new = getattr(hashlib, self.algorithm)
        text = b"".join([new(one).digest()[:_SHOWN] for one in written])
        return np.frombuffer(text, ">u8").astype(np.uint64)

    # --- reading such a list ---

    def of_hex(self, texts: pl.Series) -> Keys:
        """The keys of published hashes, 0 for what is no hash of this algorithm."""
        digits = ALGORITHMS[self.algorithm] * 2
        lower = texts.str.to_lowercase()
        good = lower.str.contains(f"^[0-9a-f]{{{digits}}}$").fill_null(False)
        tops = lower.set(~good, "0").str.slice(0, 2 * _SHOWN).str.to_integer(base=16, dtype=pl.UInt64)
        found: Keys = tops.to_numpy()
        return found

    @property
    def what(self) -> str:
        return f"is no {self.algorithm} hash ({ALGORITHMS[self.algorithm] * 2} hexadecimal digits)"

    def of_domains(self, texts: pl.Series) -> Keys:
        """The keys of a plain list's domains, 0 for what is no domain."""
        plain = texts.str.strip_chars().str.to_lowercase().str.strip_prefix("@").to_list()
        good = np.array([_domain(text) is not None for text in plain], np.bool_)
        return np.where(good, self._keys((_domain(text) or "").encode() for text in plain), np.uint64(0))


DOMAINS: Final = Hashing("sha256", ("domain",))
"""How a plain list of domains is kept: what is asked of it is hashed, not what is in it."""


def stated(algorithm: str | None, forms: str | None, country: str | None, file: str | None = None) -> Hashing:
    """A list's hashing in words: `sha256`, `e164` or several with commas, `GB`. Raises `BadInput` about `file`."""
    if algorithm is None or forms is None:
        raise BadInput(
            "the list does not say how it was hashed" if algorithm is None else "the list does not say what was hashed",
            file=file,
            key="hash" if algorithm is None else "of",
            todo="state both, as --hash sha256 --of e164, or in lines `# hash: sha256` and `# of: e164` at its top",
        )
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in ALGORITHMS:
        raise BadInput(f"`{algorithm}` is none of {', '.join(ALGORITHMS)}", file=file, key="hash")
    words = tuple(word.strip().lower() for word in forms.split(",") if word.strip())
    for word in words or ("",):
        if word not in (*PHONE_FORMS, *MAIL_FORMS):
            raise BadInput(f"`{word}` is none of {', '.join((*PHONE_FORMS, *MAIL_FORMS))}", file=file, key="of")
        if (word in MAIL_FORMS) != (words[0] in MAIL_FORMS):
            raise BadInput("one list holds numbers or mail, not both", file=file, key="of", todo="load them apart")
    needs = {"national", "trunk"} & set(words)
    found = Hashing(algorithm, words, country.upper() if country and needs else None)
    if needs and not found.calling_code:
        raise BadInput(
            f"numbers hashed as `{min(needs)}` need a country", file=file, key="country", todo="like --country GB"
        )
    if "trunk" in needs and not found._trunk:
        raise BadInput(f"numbers of {found.country} have no trunk prefix", file=file, key="of", todo="say `national`")
    return found


def _mail_forms(text: str | None, forms: tuple[str, ...]) -> set[str]:
    """What may have been hashed of an address; both spellings where it is not plain ASCII."""
    if text is None:
        return set()
    lower = text.strip().lower()
    whole = {lower}
    if not lower.isascii() and isinstance(parsed := emails.parse(text), Email):
        whole.add(parsed.matching)
    found: set[str] = set()
    for one in whole:
        domain = one.rpartition("@")[2]
        for form in forms:
            if form == "email":
                found.add(one)
            elif form == "@domain":
                found.add("@" + domain)
            else:
                labels = domain.split(".")
                found.update(".".join(labels[i:]) for i in range(max(1, len(labels) - 1)))
    return found


def _domain(text: str | None) -> str | None:
    """A domain in lower case as A-labels, None where it is none."""
    parsed = emails.parse(f"a@{text}") if text else None
    return parsed.matching.rpartition("@")[2] if isinstance(parsed, Email) else None
