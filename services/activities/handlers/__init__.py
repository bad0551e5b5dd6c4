"""The use cases: (command, unit of work) -> result. They never commit.

plans      post, amend, change status, claim
lane       a plan changed: match it, and bring clusters, overlaps and alerts to what the present state calls for
decisions  link, distinct, ask to move, snooze, escalate; and the way back
weights    another table of weights is put in force
timers     what falls due or waits its turn: snoozed alerts, plans of an organisation whose names changed
"""
