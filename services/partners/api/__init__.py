"""The public API of the registry, `/api/v1`: organisations, people, invitations, keys, tokens, signing keys."""
