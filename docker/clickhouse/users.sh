#!/bin/bash
# Makes the users `ingest` and `viewer` with the passwords of the secret files: run again after changing one.
set -euo pipefail

CLICKHOUSE_PASSWORD="$(cat /run/secrets/clickhouse_admin)"
export CLICKHOUSE_PASSWORD # the client reads it there: an argument would show in the process list

# A quote or a backslash in a password is part of it and ends nothing. A final newline does not count.
make_user() {
  local password
  password="$(printf '%s' "$(cat "$2")" | sed "s/[\\\\']/\\\\&/g")"
  { printf "SET param_password = '%s';\n" "$password"; cat "$1"; } |
    clickhouse-client --host clickhouse --user admin --multiquery
}

make_user /users/ingest.sql /run/secrets/clickhouse_ingest
make_user /users/viewer.sql /run/secrets/clickhouse_viewer
