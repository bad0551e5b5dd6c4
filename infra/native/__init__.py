"""Apache Kafka (KRaft) and PostgreSQL run natively: no Docker, no root, no JDK installed.

- `settings`  the one table of broker and server settings (docker-compose is checked against it)
- `cache`     where fetched files live, and the lock that lets two processes fetch once
- `jars`      Kafka's jars: fetched once, every SHA-256 checked against `kafka-jars.txt`
- `java`      the Java that runs them
- `guard`     a small supervisor program: the server dies with whoever owns it
- `process`   one guarded server process: start, stop, kill, pause
- `ports`     free ports that stay free while their server is down
- `probe`     asks a broker for its metadata over a plain socket
- `kafka`     `KafkaCluster`, one or three brokers
- `postgres`  `PostgresServer`, and `ExternalPostgres` for a server that already runs
"""
