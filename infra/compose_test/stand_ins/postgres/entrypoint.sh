#!/bin/bash
# POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS and PGDATA as the maker's image reads them.
set -euo pipefail
as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install --directory --owner postgres --mode 700 "$(dirname "$PGDATA")" "$PGDATA"
  chown postgres /var/lib/postgresql
  secret=$(mktemp)
  install --owner postgres --mode 600 "$POSTGRES_PASSWORD_FILE" "$secret"
  # shellcheck disable=SC2086 # several arguments in one variable, as the maker's image takes them
  "${as_postgres[@]}" initdb --pgdata "$PGDATA" --username postgres --auth scram-sha-256 \
    --pwfile "$secret" $POSTGRES_INITDB_ARGS
  rm "$secret"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
  echo "unix_socket_directories = '/tmp'" >> "$PGDATA/postgresql.conf"
fi
exec "${as_postgres[@]}" "$@"
