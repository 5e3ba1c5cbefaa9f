"""The models and the migrations say the same; checked without a database."""

from __future__ import annotations


def test_no_migration_is_missing(django_apps: None) -> None:
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    assert not changes, f"run `makemigrations`: {sorted(changes)}"


def test_no_migrations_conflict(django_apps: None) -> None:
    from django.db.migrations.loader import MigrationLoader

    assert MigrationLoader(None).detect_conflicts() == {}
