"""What the buses inside one process share: `storage` (the port behind them), `groups` (who reads what), `bus`."""
