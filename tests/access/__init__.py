"""Who is told what: every route and channel, as everybody, against the table of the rules (DESIGN 7)."""
