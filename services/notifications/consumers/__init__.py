"""What notifications does with the log: `registry` (a table of handlers, dispatched), `feed` (the projector's loop)."""
