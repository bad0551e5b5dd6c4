"""What changes this service's rows: `feed` (the projection of a partition, of records that `decoding` has read),
`pruning` (dropping old history), `inbox` (a person's marks)."""
