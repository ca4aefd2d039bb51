#!/bin/bash
# First start of the PostGIS container: the roles and databases that the embedded setting makes itself (etl/platform/postgres.py),
# and from then on nobody comes in over the network without TLS.
set -euo pipefail

# postgresql://user:password@host/database → password (our own are hexadecimal and need no decoding)
password_of() { sed -E 's#^[^:]+://[^:]+:([^@]+)@.*#\1#' "/run/secrets/$1"; }

psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres --quiet \
    --set jichu="$(password_of database_url)" --set airflow="$(password_of airflow_database_url)" \
    --set analyst="$(cat /run/secrets/analyst_password)" --set tiles="$(password_of tiles_url)" <<'SQL'
create role jichu login password :'jichu';
create role airflow login password :'airflow';
create role analyst login password :'analyst';
create role jichu_tiles nologin;
create role tiles login password :'tiles' in role jichu_tiles;
create database jichu owner jichu;
create database airflow owner airflow;
alter database airflow set synchronous_commit = off;
revoke connect on database airflow from public;
\connect jichu
create extension if not exists postgis;
create extension if not exists pg_trgm;
create extension if not exists fuzzystrmatch;
grant all on schema public to jichu;
SQL
psql --set ON_ERROR_STOP=1 --username postgres --dbname jichu --quiet --file "${ROLES_SQL:-/etc/jichu/roles.sql}"

# the image's own line lets everybody in from everywhere with a password, encrypted or not
if [ -f "${PGDATA:-}/pg_hba.conf" ]; then
    sed -i -E 's/^host([[:space:]]+all[[:space:]]+all[[:space:]]+all[[:space:]])/hostssl\1/' "$PGDATA/pg_hba.conf"
fi
