"""What is read: `feed` (rows from a position on, with the present facts), `sight` (what one principal sees of them),
`inbox` (one person's alerts)."""
