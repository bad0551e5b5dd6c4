"""The bus on Apache Kafka, and the only code that imports aiokafka (0.14: its internals were read, see `clients`).

bus       KafkaBus: topics, the cluster's id, and the two below
producer  batched, pipelined, bounded sends; a producer in doubt is thrown away
consumer  one member of a group: explicit commits, drained revokes, a watchdog against silent stalls
clients   how aiokafka's objects are set up, and how they are got rid of when they hang
logs      aiokafka's loggers, held to one line of a kind in ten seconds
"""
