"""How people prove who they are, with no database: passwords, ID tokens of a provider, and how often either may be tried.

- `passwords`  argon2id, beside the loop, with a bound on how many are computed at once
- `doors`      which of these ways in are open here, and who has been trying them
- `provider`   the OpenID provider's addresses and keys, fetched rarely and kept when it is down
- `idtokens`   what an ID token proves (pure)
"""
