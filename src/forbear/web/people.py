"""`/v1/people`: what is known of one address, as a file or a dossier; erasure."""

from __future__ import annotations

from ninja import Router

router = Router()
