"""The keys a registry is asked by: a column of texts as 64-bit keys, 0 where it is no address."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.core import emails, keys, phones
from forbear.core.keys import AddressKind, Secret


def of_numbers(texts: pl.Series, country: str | None) -> npt.NDArray[np.uint64]:
    """E.164 digits; numbers without `+` are read as those of `country`."""
    return phones.parse_column(texts, country).numbers


def of_emails(texts: pl.Series, secret: Secret) -> npt.NDArray[np.uint64]:
    """The column keys of e-mail addresses by their matching form."""
    matching = emails.parse_column(texts)["matching"].to_list()
    return keys.of_texts(AddressKind.EMAIL, matching, secret)[0].view(np.uint64)
