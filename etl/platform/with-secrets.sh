#!/bin/sh
# Runs a command with NAME set to the content of the file that NAME_FILE names, for every such variable: how secrets reach
# the containers of docker-compose.yml without standing in their settings.
set -eu
for name in $(env | sed -n 's/^\([A-Z][A-Z0-9_]*\)_FILE=\/run\/secrets\/.*/\1/p'); do
    case $name in AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS) continue ;; esac
    eval "file=\$${name}_FILE"
    value=$(cat "$file")
    export "$name=$value"
    unset "${name}_FILE"
done
exec "$@"
