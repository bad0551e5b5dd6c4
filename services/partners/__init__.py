"""partners: organisations, people, invitations, API keys, tokens and the keys that sign them. Its own database.

commands    register / amend an organisation; add, amend, confirm, deactivate, activate, erase a person; invite, redeem, withdraw an
            invitation; issue and revoke an API key; mint a token; rotate the signing key
queries     organisations, and which of them a written name means (both public); people, invitations, keys, who am I, the
            public signing keys
events out  partners.v1: organisation.registered / amended, person.added / amended / erased, api_key.issued / revoked,
            signing_key.published / retired (`events.py`). People are opaque ids there: names and addresses stay here.
events in   none; this service projects its own events into the read models that all services authenticate by
"""
