"""The HTTP doors: `stream` (`/api/v1/stream`, `/api/v1/events`), `inbox` (`/api/v1/inbox`)."""
