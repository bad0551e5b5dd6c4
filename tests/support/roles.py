"""The two roles of a service's PostgreSQL database in tests: they run as an installation does, as a role that owns nothing."""

from infra.native.postgres import Access, ExternalPostgres

ROLE = "convene_test"
"""For all databases of the tests' server: a role lives as long as the server, and a database no longer than its test."""

_owners: dict[str, str] = {}


def service_database(postgres: ExternalPostgres, name: str) -> str:
    """A new, empty database; the URL of the role that a service runs as."""
    return _known(postgres.create_service_database(name, ROLE))


def again(postgres: ExternalPostgres, name: str) -> str:
    """One that was made by `service_database`, and has been emptied."""
    return _known(postgres.service_access(name, ROLE))


def _known(access: Access) -> str:
    _owners[access.runtime] = access.owner
    return access.runtime


def owner_of(url: str) -> str:
    """The same database as its owner: to migrate, to make tables of a test's own. SQLite has none."""
    return _owners.get(url, url)
