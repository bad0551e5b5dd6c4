"""The event stream: `cursor` (sealed positions), `door` (who may still listen), `hub` (new rows, read once for all
streams of a process), `live` (one open stream)."""
