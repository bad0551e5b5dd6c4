from services.notifications.orm import metadata
from shared.migrations import run_environment

run_environment(metadata)
