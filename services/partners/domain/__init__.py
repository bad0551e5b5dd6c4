"""The rules of the registry, pure: organisations, people, invitations, API keys and signing keys."""
