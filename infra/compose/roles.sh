#!/bin/sh
# Once, when a database is made: the role that the service runs as. It owns nothing, so row level security stands before it
# (docs/decisions/0016), and `convene migrate`, as the owner, gives it what it needs. As infra/native/postgres.py does it.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$CONVENE_PASSWORD" --set database="$POSTGRES_DB" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE convene LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO convene;
SQL
