"""Alembic's entry point; see shared/migrations.py."""

from services.activities.orm import metadata
from shared.migrations import run_environment

run_environment(metadata)
