"""The kernel that every service stands on. It knows no service.

Ports        clock, ids, bus.port (the event log), and nothing else: real and fake behind the same Protocol.
Event        cloudevent (envelope), bus (memory, SQLite log, Kafka), outbox (relay), inbox, leases, deadletters.
Who          visibility (TLP: who sees what), principal, tokens, registry (read models of partners).
HTTP         web (application factory), problem (RFC 9457), paging, idempotency, etags, filters.
Running      db, kernel (tables), settings, logs, telemetry, service (background tasks).
Words        vocabulary, places, periods.
"""
