"""The bare references: the least code that does the part in question, with the same libraries and settings.

insert   FastAPI and asyncpg, one row a post; with `--kafka` the event is sent as well, before the answer
batches  aiokafka: `create_batch` and `send_batch`, pipelined
stream   Starlette: the same bytes to every client; with `--kafka` they come from a topic
"""
