"""The event log: `port` is the contract, `memory`, `sqlite_log` and `kafka` keep it, `dispatch` consumes with effect."""
