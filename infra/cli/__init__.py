"""The command line: `convene ...`.

- `app`        the tree of commands, and what becomes of errors
- `output`     tables for people, JSON for programs
- `session`    which server, with whose key
- `running`    up, serve, migrate, stack, gateway-config
- `loading`    demo load
- `contracts`  contracts: for developers
- `plans`, `alerts`, `registry`, `following`, `operating`    the commands that talk to a server
"""


def main() -> None:
    """The entry point of the console script; imports late, so that the module stays a table of contents."""
    from infra.cli.app import main as run

    run()
