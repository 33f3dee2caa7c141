#!/bin/sh
# Makes what is missing of ./secrets: random texts, one per file. What is there stays as it is.
#
# Compose mounts a file with the owner and the mode that it has here, and the containers have users of their own: so
# the files are readable to all and the folder, which no container sees, to you alone.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
chmod 0700 secrets
for name in clickhouse_admin clickhouse_ingest clickhouse_viewer otlp_token viewer_session; do
  if [ ! -s "secrets/$name" ]; then
    head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n' > "secrets/$name"
    echo "made secrets/$name"
  fi
  chmod 0444 "secrets/$name"
done
