#!/bin/sh
# Make what compose.full.yaml needs and nobody else may know, and the name of this machine. What
# is there already stays. Compose mounts the files as they are, into containers of three users:
# so they can be read by all, in a folder that nobody but its owner can enter.
set -eu
cd "$(dirname "$0")"
mkdir -p -m 0700 secrets
for name in secret_key database_password broker_password; do
  [ -s "secrets/$name" ] && continue
  head -c 36 /dev/urandom | base64 | tr -d '\n' >"secrets/$name"
  chmod 0444 "secrets/$name"
done
[ -e .env ] || printf 'PORTATLAS_HOST_ID=%s\n' "$(uname -n)" >.env
