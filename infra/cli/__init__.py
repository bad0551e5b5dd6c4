"""The command line: `convene ...`.

- `app`        the tree of commands, and what becomes of errors
- `output`     tables for people, JSON for programs
- `session`    which server, with whose key
- `running`    up, serve, migrate, stack, gateway-config
- `loading`    demo load
- `contracts`  contracts: for developers
- `plans`, `alerts`, `registry`, `following`, `operating`    the commands that talk to a server
"""
