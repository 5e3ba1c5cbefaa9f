"""Transparency logs: Merkle trees, tiles, signed heads and proofs, after RFC 6962 and C2SP. No I/O, no clock."""
