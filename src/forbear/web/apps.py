"""The pages and the API as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "forbear.web"
    label = "web"
