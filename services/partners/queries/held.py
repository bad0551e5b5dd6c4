"""What this service holds about a person and about a partner (shared/held.py). Hashes of secrets are told to nobody."""

from typing import Any

from services.partners import orm
from services.partners.domain.access import KEY, SESSION
from services.partners.queries.rows import lists
from shared.held import Holdings, Kind, rows_of

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_person: Any = orm.PersonRow
_api_key: Any = orm.ApiKeyRow
_password: Any = orm.PasswordRow
_identity: Any = orm.IdentityRow
_invitation: Any = orm.InvitationRow

_WHO = ("id", "version", "name", "email", "roles", "partners", "scope", "active", "erased", "confirmed_until", "created_at", "updated_at")  # fmt: skip


_INVITED = ("id", "created_at", "expires_at", "redeemed_at", "withdrawn_at")
_KEY = ("id", "prefix", "label", "scopes", "origins", "created_at", "expires_at", "revoked_at")


def _kind(name: str, row: Any, key: str, about: Any, fields: tuple[str, ...]) -> Kind:
    return rows_of(name, row.__table__, key, about, fields)


def _keys(kind: str) -> Any:
    return lambda person: (_api_key.person == person) & (_api_key.kind == kind)


HOLDINGS = Holdings(
    person=[
        _kind("person", _person, "id", lambda one: _person.id == one, (*_WHO, "not_before")),
        *(_kind(kind, _api_key, "id", _keys(kind), _KEY) for kind in (KEY, SESSION)),
        _kind("password", _password, "person", lambda one: _password.person == one, ("changed_at",)),
        _kind(
            "identity",
            _identity,
            "subject",
            lambda one: _identity.person == one,
            ("issuer", "subject", "bound_at"),
        ),
        _kind("invitation", _invitation, "id", lambda one: _invitation.person == one, _INVITED),
        _kind("invitation_made", _invitation, "id", lambda one: _invitation.created_by == one, (*_INVITED, "person")),
    ],
    partner=[
        _kind(
            "organisation",
            _organisation,
            "id",
            lambda partner: _organisation.id == partner,
            tuple(column.name for column in _organisation.__table__.c if column.name != "searchable"),
        ),
        _kind("person", _person, "id", lambda partner: lists(_person.partners, partner), _WHO),
    ],
)
