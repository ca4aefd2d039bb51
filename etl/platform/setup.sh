#!/usr/bin/env bash
# Brings a Debian or Ubuntu machine to where Jichu runs: PostgreSQL with PostGIS, a Chinese font for the charts,
# uv, and the locked Python environment in .venv. Says what it installs and why; does nothing that is done already.
# `setup.sh test` brings MariaDB's server too, which the tests read as a department's database; nothing else needs it.
# `setup.sh spark` brings Java, for the suite of the other engine (make test-spark).
# With JICHU_DATABASE_URL set, PostgreSQL is not needed here. Proxies and package indexes come from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

TOOLS=.venv-tools
STAMP=.venv/.jichu-setup
PURPOSE=${1:-run}

say() { printf '%s\n' "$*"; }
fail() { { echo; printf '%s\n' "$@"; } >&2; exit 1; }

has_postgis() {
    local bin
    if [ -n "${PGBIN:-}" ]; then [ -x "$PGBIN/initdb" ] && return 0; fi
    for bin in /usr/lib/postgresql/*/bin; do
        [ -x "$bin/initdb" ] || continue
        local version=${bin#/usr/lib/postgresql/}
        version=${version%/bin}
        [ "$version" -ge 15 ] && [ -e "/usr/share/postgresql/$version/extension/postgis.control" ] && return 0
    done
    return 1
}
has_font() {
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts "${HOME:-/}/.local/share/fonts" "${HOME:-/}/.fonts" -name 'NotoSansCJK*' -print -quit 2>/dev/null)" ]
}
has_mariadb() { command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; }
has_java() { [ -n "${JAVA_HOME:-}" ] || command -v java >/dev/null; }
has_working_uv() { "$1" --version >/dev/null 2>&1; }
find_uv() {
    local candidate
    for candidate in "$TOOLS/bin/uv" uv; do
        if has_working_uv "$candidate"; then printf '%s' "$candidate"; return 0; fi
    done
    return 1
}
has_environment() { [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ]; }
fingerprint() { cat uv.lock pyproject.toml | sha256sum | cut -d' ' -f1; }
can_make_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

check_python() {
    command -v python3 >/dev/null || fail "需要 Python 3.11 或更新版本。" "Python 3.11 or newer is needed."
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 版本太旧：$(python3 --version)，需要 3.11 或更新版本。" "Python is too old: 3.11 or newer is needed."
}

# What apt must bring, as words: postgis font venv mariadb java
missing() {
    [ -n "${JICHU_DATABASE_URL:-}" ] || has_postgis || printf 'postgis '
    has_font || printf 'font '
    has_environment || find_uv >/dev/null || can_make_venv || printf 'venv '
    [ "$PURPOSE" != test ] || has_mariadb || printf 'mariadb '
    [ "$PURPOSE" != spark ] || has_java || printf 'java '
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; return; fi
    # sudo drops the environment; what apt needs of it is named.
    sudo -n env ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} ${no_proxy:+"no_proxy=$no_proxy"} "$@"
}
may_be_root() { [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >>"$LOG" 2>&1 || { tail -20 "$LOG" >&2; fail "apt-get install $* 失败，全文见 $LOG" "apt-get install $* failed; see $LOG"; }; }

# The server alone, without a service; some releases put their version behind its name.
mariadb_package() { apt-cache search --names-only '^mariadb-server-core(-[0-9.]+)?$' | cut -d' ' -f1 | sort -V | tail -1; }
postgis_version() { apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | sed -E 's/^postgresql-([0-9]+)-.*/\1/' | sort -n | tail -1; }

ask_administrator() {
    local words=$1 packages=''
    case $words in *postgis*) packages="$packages postgresql postgresql-postgis" ;; esac
    case $words in *font*) packages="$packages fonts-noto-cjk" ;; esac
    case $words in *venv*) packages="$packages python3-venv" ;; esac
    case $words in *mariadb*) packages="$packages mariadb-server-core" ;; esac
    case $words in *java*) packages="$packages default-jre-headless" ;; esac
    # `postgresql-postgis` follows the distribution's own PostgreSQL; without package lists it cannot be asked for its number.
    fail "缺少系统软件，当前用户既不是 root 也没有免密 sudo。请管理员执行下面这一条命令，然后重新运行：" \
        "System packages are missing and this user is neither root nor may use sudo without a password." \
        "Ask an administrator to run this one command, then run make again:" "" \
        "    sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends$packages'" "" \
        "或者用 JICHU_DATABASE_URL 指向已有的 PostGIS 数据库（则不需要 PostgreSQL）。" \
        "Or point JICHU_DATABASE_URL at an existing PostGIS database (PostgreSQL is then not needed here)."
}

no_apt() {
    local lines=()
    case $1 in *venv*) lines+=("这台机器没有 apt：请用它自己的软件管理工具安装 uv，或 python3 的 venv 与 pip。"
        "This machine has no apt: install uv, or python3's venv and pip, with its own package manager." "") ;;
    esac
    case $1 in *postgis*) lines+=("这台机器没有 apt，不能自动安装 PostgreSQL 与 PostGIS。请用 JICHU_DATABASE_URL 指向一个已有的 PostGIS 数据库"
        "（PostgreSQL 15 以上，含 postgis、pg_trgm、fuzzystrmatch）再运行："
        "This machine has no apt, so PostgreSQL with PostGIS cannot be installed. Point JICHU_DATABASE_URL at an existing one"
        "(PostgreSQL 15+, with postgis, pg_trgm, fuzzystrmatch) and run again:" ""
        "    JICHU_DATABASE_URL=postgresql://user:password@host:5432/jichu make run") ;;
    esac
    fail "${lines[@]}"
}

install_packages() {
    local words=$1 override='' version
    LOG=$(mktemp "${TMPDIR:-/tmp}/jichu-apt.XXXXXX.log")
    say "安装系统软件（apt）／ installing system packages:"
    as_root apt-get update -q >>"$LOG" 2>&1 || { tail -5 "$LOG" >&2; fail "apt-get update 失败，全文见 $LOG" "apt-get update failed; see $LOG"; }
    case $words in *venv*)
        say "  python3-venv：安装 uv 要用 ／ to install uv"
        apt_install python3-venv ;;
    esac
    case $words in *font*)
        say "  fonts-noto-cjk：报告图表的中文字体 ／ Chinese font of the report charts"
        apt_install fonts-noto-cjk ;;
    esac
    case $words in *mariadb*)
        say "  mariadb-server-core：测试用的部门数据库，不作为系统服务启动 ／ a departmental database for the tests; no service is started"
        apt_install "$(mariadb_package)" ;;
    esac
    case $words in *java*)
        say "  default-jre-headless：Spark 要用 ／ for Spark"
        apt_install default-jre-headless ;;
    esac
    case $words in *postgis*)
        version=$(postgis_version)
        [ "${version:-0}" -ge 15 ] || fail "软件源里没有 PostgreSQL 15 以上的 PostGIS；请用 JICHU_DATABASE_URL 指向已有的。" \
            "The package sources hold no PostGIS for PostgreSQL 15 or newer; point JICHU_DATABASE_URL at an existing one."
        say "  postgresql-$version、postgresql-$version-postgis-3：数据库；不启动系统默认实例 ／ the database; no system-wide cluster is started"
        # Debian would create and start a cluster on port 5432; a passing setting forbids it, and goes again.
        if [ ! -e /etc/postgresql-common/createcluster.d/jichu.conf ]; then
            override=/etc/postgresql-common/createcluster.d/jichu.conf
            as_root sh -c "mkdir -p ${override%/*} && echo 'create_main_cluster = false' >$override"
        fi
        apt_install "postgresql-$version" "postgresql-$version-postgis-3"
        [ -z "$override" ] || as_root rm -f "$override" ;;
    esac
    rm -f "$LOG"
}

install_uv() {
    say "安装 uv 到 $TOOLS（Python 环境管理）／ installing uv into $TOOLS"
    rm -rf "$TOOLS"
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/python" -m pip install --quiet --disable-pip-version-check uv ||
        fail "安装 uv 失败：请检查网络或 PIP_INDEX_URL。" "uv could not be installed: check the network or PIP_INDEX_URL."
}

# The lock names pypi.org's files; behind another index the same versions and hashes are taken from there.
# JICHU_EXTRAS names what a server adds (celery).
install_environment() {
    local uv=$1 extra extras=()
    for extra in ${JICHU_EXTRAS:-}; do extras+=(--extra "$extra"); done
    say "安装 Python 环境到 .venv（uv.lock 锁定的版本）／ installing the locked Python environment into .venv"
    if [ -n "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-}}}" ]; then
        export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-$PIP_INDEX_URL}}"
        [ -x .venv/bin/python ] || "$uv" venv --quiet .venv
        "$uv" export --quiet --frozen --no-emit-project "${extras[@]}" --format requirements-txt |
            "$uv" pip sync --quiet --python .venv/bin/python --require-hashes -
        "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
    else
        "$uv" sync --frozen --quiet "${extras[@]}"
    fi
    fingerprint >"$STAMP"
}

check_python
words=$(missing)
if [ -n "$words" ]; then
    command -v apt-get >/dev/null || case $words in
        'font ') say "提示：没有中文字体 Noto Sans CJK，图表里的汉字会缺失 ／ no Noto CJK font: Chinese in charts will be missing"; words='' ;;
        'mariadb ' | 'font mariadb ') say "提示：没有 MariaDB 服务器程序（mariadbd），读取它的测试会失败 ／ no MariaDB server: the tests that read one will fail"; words='' ;;
        *) no_apt "$words" ;;
    esac
fi
if [ -n "$words" ]; then
    may_be_root || ask_administrator "$words"
    install_packages "$words"
fi
if ! has_environment; then
    uv=$(find_uv) || { install_uv; uv=$TOOLS/bin/uv; }
    install_environment "$uv"
    say "环境已就绪 ／ ready"
fi
