#!/bin/bash
# First start of the PostGIS container: the roles and databases that the embedded setting makes itself (etl/platform/postgres.py).
set -euo pipefail

# postgresql://user:password@host/database → password (our own are hexadecimal and need no decoding)
password_of() { sed -E 's#^[^:]+://[^:]+:([^@]+)@.*#\1#' "/run/secrets/$1"; }

psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres --quiet \
    --set jichu="$(password_of database_url)" --set airflow="$(password_of airflow_database_url)" \
    --set analyst="$(cat /run/secrets/analyst_password)" <<'SQL'
create role jichu login password :'jichu';
create role airflow login password :'airflow';
create role analyst login password :'analyst';
create database jichu owner jichu;
create database airflow owner airflow;
alter database airflow set synchronous_commit = off;
\connect jichu
create extension if not exists postgis;
create extension if not exists pg_trgm;
create extension if not exists fuzzystrmatch;
grant all on schema public to jichu;
grant connect on database jichu to analyst;
SQL
