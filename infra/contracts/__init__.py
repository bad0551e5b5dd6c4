"""What the services promise, generated from their code and committed in `services/<name>/contracts/`.

- `schemas`        one JSON Schema (2020-12) per event version, from `events.py`
- `openapi`        the HTTP API, from the application itself
- `asyncapi`       AsyncAPI 3.0: topics, event types, who sends and who receives, the stream
- `files`          all of these as files: written, or compared with what is committed
- `compatibility`  whether a schema may follow a released one
"""
