"""Row level security on PostgreSQL, as SQL: the table of DESIGN 7, stated a second time and not taken from shared/visibility.py.

The first migrations of the services are made of this; what changes later is a migration of its own, with its own text. A
reader is what the transaction says in `convene.reader` (shared/reader.py). Each `(SELECT ...)` below without a row in it is
computed once a statement, not once a row, and a name in an index condition stays one.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import text

from shared.db import Database

FUNCTIONS: tuple[str, ...] = (
    """CREATE FUNCTION convene_reader() RETURNS jsonb LANGUAGE sql STABLE
    RETURN NULLIF(current_setting('convene.reader', true), '')::jsonb""",
    """CREATE FUNCTION convene_reader_list(name text) RETURNS text[] LANGUAGE sql STABLE
    RETURN ARRAY(SELECT jsonb_array_elements_text(convene_reader() -> name))""",
)

SERVICE = "(SELECT jsonb_exists(convene_reader(), 'service'))"
SOMEBODY = "(SELECT convene_reader() IS NOT NULL)"
PARTNERS = "(SELECT convene_reader_list('partners'))"
_PERSON = "(SELECT convene_reader() ->> 'person')"
_MEMBER = "(SELECT convene_reader_list('partners') <> '{}')"
_COORDINATES = "(SELECT (convene_reader() ->> 'coordinator')::boolean)"
_WORLD = "(SELECT (convene_reader() ->> 'world')::boolean)"
_COUNTRIES = "(SELECT convene_reader_list('countries'))"
_THEMES = "(SELECT convene_reader_list('themes'))"


def own(owner: str) -> str:
    return f"{owner} = ANY ({PARTNERS}::text[])"


def seen(facts: str, owner: str | None = None, poster: str | None = None) -> str:
    """Whether the reader sees a plan with these facts (a jsonb column as shared.visibility.facts_to_json writes it).

    owner, poster: where they are, if they are others now than when the facts were written; the people that a RED plan is for
    are then those that it named and whoever is its poster now.
    """
    label, mine = f"{facts} ->> 'label'", own(owner or f"({facts} ->> 'owner')")
    named = f"jsonb_exists_any({facts} -> 'named_partners', {PARTNERS})"
    invited = f"jsonb_exists({facts} -> 'named_people', {_PERSON})"
    if poster:
        invited = f"({invited} OR {poster} = {_PERSON})"
    typed = f"({facts} ->> 'poster') = {_PERSON}" if poster is None else f"{poster} = {_PERSON}"
    in_scope = (
        f"({_COORDINATES} AND ({_THEMES} = '{{}}' OR jsonb_exists_any({facts} -> 'themes', {_THEMES}))"
        f" AND ({_WORLD} OR jsonb_exists_any({facts} -> 'countries', {_COUNTRIES})))"
    )
    return f"""{SOMEBODY} AND CASE
    WHEN ({facts} ->> 'draft')::boolean THEN ({mine} OR {typed}) AND ({label} <> 'RED' OR {invited})
    ELSE CASE {label}
        WHEN 'CLEAR' THEN true
        WHEN 'GREEN' THEN {_MEMBER} OR {in_scope}
        WHEN 'AMBER' THEN {mine} OR {named} OR {in_scope}
        WHEN 'AMBER+STRICT' THEN {mine} OR {in_scope}
        WHEN 'RED' THEN {invited}
        ELSE false END
    END"""


def raised(closed: Iterable[str], readable: Mapping[str, str]) -> list[str]:
    """The statements that put the wall up. closed: tables of the service alone; readable: table -> which rows a reader sees.
    Only the service writes. FORCE: the owner of the tables stands before the wall like everybody."""
    statements = list(FUNCTIONS)
    for table in (*closed, *readable):
        name = f'"{table}"'
        statements += [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY as_service ON {name} USING ({SERVICE}) WITH CHECK ({SERVICE})",
        ]
        if table in readable:
            # the service first: PostgreSQL asks `by_sight` before `as_service`, and a row for the lane shall cost no look round
            statements.append(f"CREATE POLICY by_sight ON {name} FOR SELECT USING ({SERVICE} OR ({readable[table]}))")
    return statements


_STANDING = """SELECT
    (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS above,
    COALESCE(bool_or(pg_has_role(current_user, relowner, 'MEMBER')), false) AS owns, count(*) AS tables
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity"""


async def standing(db: Database) -> str | None:
    """How the wall stands before the role that this service runs as: `ok`, or what is the matter. None where there is none: on
    SQLite, and in a service whose tables need none."""
    if db.is_sqlite:
        return None
    async with db.read() as session:
        found = (await session.execute(text(_STANDING))).one()
    if not found.tables:
        return None
    if found.above:
        return "off: the role of this service is a superuser or bypasses row level security"
    return "can be taken down: the role of this service owns the tables" if found.owns else "ok"


def razed(closed: Iterable[str], readable: Mapping[str, str]) -> list[str]:
    """The statements that take it down."""
    statements: list[str] = []
    for table in (*closed, *readable):
        statements += [
            f'DROP POLICY {name} ON "{table}"' for name in ("by_sight",) * (table in readable) + ("as_service",)
        ]
        statements.append(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY')
    return [*statements, "DROP FUNCTION convene_reader_list(text)", "DROP FUNCTION convene_reader()"]
