"""`/v1/inbound`: what people write back, and what waits for a person to read it."""

from __future__ import annotations

from ninja import Router

router = Router()
