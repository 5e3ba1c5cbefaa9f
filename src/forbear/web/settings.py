"""Django's settings. Everything an operator may choose is an environment variable read here."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from forbear.accounts.connect import APP, OWNER


def database_of(variable: str) -> dict[str, Any]:
    """A Django database from a libpq address; without one, a name that opens nothing."""
    url = os.environ.get(variable)
    known = conninfo_to_dict(url) if url else {}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known.get("dbname", "forbear-not-configured"),
        "USER": known.get("user", ""),
        "PASSWORD": known.get("password", ""),
        "HOST": known.get("host", ""),
        "PORT": str(known.get("port", "")),
        "OPTIONS": {
            key: value
            for key, value in known.items()
            if key in {"sslmode", "sslrootcert", "sslcert", "sslkey", "options", "target_session_attrs"}
        },
    }


DATABASES = {"default": database_of(APP), "owner": database_of(OWNER)}
INSTALLED_APPS = ["forbear.accounts", "forbear.ledger", "forbear.web"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

ALLOWED_HOSTS = [
    host.strip()
    for host in os.environ.get("FORBEAR_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
    if host.strip()
]
ALLOWED_HOSTS += [host for host in [urlsplit(os.environ.get("FORBEAR_PUBLIC_URL", "")).hostname] if host]
ROOT_URLCONF = "forbear.web.urls"
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "forbear.web.edge.guard"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the ASGI application bounds every body before Django sees it
APPEND_SLASH = False
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
LOGGING_CONFIG = None  # whoever starts the process says where its log goes
