"""Events of others that this service reads: none."""
