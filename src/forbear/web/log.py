"""`/v1/log`: proofs that an event, a decision or a redemption is in the log."""

from __future__ import annotations

from ninja import Router

router = Router()
