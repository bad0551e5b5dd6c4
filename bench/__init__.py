"""What Convene costs beside the bare thing: each bench measures ours and a bare reference in one run, in turns.

python -m bench [post relay fanout chain] [--quick] [--json FILE]

post     POST /plans beside FastAPI and asyncpg inserting one row
relay    draining the outbox into Kafka beside aiokafka batches of the same records
fanout   the event stream to many clients beside a Starlette StreamingResponse of the same bytes
chain    from the POST to the alert on the stream at 50 posts a second, beside an insert, a send, a consumer, a stream
"""
