"""Addresses as columns of the ledger: key, id of the secret, and the mac where the key is a hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forbear.core.keys import MAC_BYTES, AddressKey
from forbear.ledger import columns


class Addresses(NamedTuple):
    addr: npt.NDArray[np.int64]
    key_id: npt.NDArray[np.int16]
    mac: npt.NDArray[np.uint8]  # shape (n, 16); zeros for a phone
    exact: npt.NDArray[np.bool_]  # the key is the address itself: there is no mac

    @property
    def mac_column(self) -> columns.Bytea:
        return columns.macs(self.mac, self.exact)


def of_keys(keys: Sequence[AddressKey]) -> Addresses:
    return Addresses(
        np.array([key.column for key in keys], np.int64),
        np.array([key.secret_id for key in keys], np.int16),
        np.frombuffer(b"".join([key.mac or bytes(MAC_BYTES) for key in keys]), np.uint8).reshape(len(keys), MAC_BYTES),
        np.array([not key.mac for key in keys], bool),
    )


def of_numbers(keys: npt.NDArray[np.int64]) -> Addresses:
    """Telephone numbers, by their keys."""
    n = len(keys)
    return Addresses(keys, np.zeros(n, np.int16), np.zeros((n, MAC_BYTES), np.uint8), np.ones(n, bool))


def some(addresses: Addresses, rows: npt.NDArray[np.intp]) -> Addresses:
    return Addresses(addresses.addr[rows], addresses.key_id[rows], addresses.mac[rows], addresses.exact[rows])
