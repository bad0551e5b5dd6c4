"""The web pages: plain HTML without JavaScript, a client of the public API with no private door.

- `settings`   where the API is, the key that seals sessions
- `app`        the application: routes, headers, errors
- `sessions`   the sealed cookie and the token in each form
- `signing_in` by key, password or provider; out again
- `provider`   what is said to an OpenID provider
- `forms`      a plan's form: its fields, its body, its errors
- `pages`      what each address answers
- `words`      codes to words
"""
