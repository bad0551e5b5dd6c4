"""The use cases of the registry. Each takes the unit of work, changes what it must, and never commits."""
