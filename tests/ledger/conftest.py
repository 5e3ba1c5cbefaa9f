from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def django_ready() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forbear.web.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
