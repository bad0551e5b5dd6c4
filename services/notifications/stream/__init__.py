"""The event stream: `cursor` (sealed positions), `door` (who may still listen), `tickets` (what opens one), `seats` (how
many at once), `hub` (new rows, read once for all streams of a process), `live` (one open stream)."""
