"""What several suites need to set a scene: people with keys, a running service, waiting for the chain to settle."""
