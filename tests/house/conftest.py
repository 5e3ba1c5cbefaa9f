from __future__ import annotations

import os

import pytest


@pytest.fixture
def django_apps() -> None:
    """Django's models loaded, without a database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forbear.web.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
