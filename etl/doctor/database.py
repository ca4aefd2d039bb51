"""The library database: version, extensions, roles and rights, migrations, encryption, passwords, settings, clock."""

from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn

from etl import db, migrate
from etl.doctor.line import Line, bad, ok, warning
from etl.platform.postgres import EXTENSIONS
from etl.settings import SHANGHAI, Settings

OLDEST = 150000
GROUPS = ("jichu_analyst", "jichu_county", "jichu_department", "jichu_auditor", "jichu_administrator", "jichu_tiles")
KNOWN_TO_ALL = {"", "postgres", "password", "passwd", "123456", "12345678", "admin", "changeme", "secret", "root", "test", "example"}
LOGINS = ("postgres", "jichu", "analyst", "airflow", "tiles")  # whose password is tried to be their name
CLOCK_APART, CLOCK_WRONG = 5.0, 60.0  # seconds
BASE = "population.person"
RUN_ROLES = "管理员以超级用户在本库运行 sql/roles.sql"


def version(settings: Settings, con: Connection) -> Iterator[Line]:
    """PostgreSQL, encoding, extensions."""
    ((number, text, encoding),) = db.rows(
        con, "select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')"
    )
    where = con.info.dsn_parameters
    place = f"{where.get('host') or '本机'}:{where.get('port')}/{where.get('dbname')}"
    if number < OLDEST:
        yield bad("数据库版本", f"PostgreSQL {text}（{place}）", "升级到 PostgreSQL 15 或更新")
    else:
        yield ok("数据库版本", f"PostgreSQL {text}（{place}）")
    if encoding != "UTF8":
        yield bad("数据库编码", encoding, "另建编码为 UTF8 的库，再恢复备份")
    have = dict(db.rows(con, "select extname, extversion from pg_extension"))
    missing = [e for e in EXTENSIONS if e not in have]
    if missing:
        todo = "；".join(f"create extension {e}" for e in missing)
        yield bad("扩展", f"没有 {'、'.join(missing)}", f"管理员在本库运行 {todo}")
    else:
        yield ok("扩展", "，".join(f"{e} {have[e]}" for e in EXTENSIONS))


def roles(settings: Settings, con: Connection) -> Iterator[Line]:
    """The loader is an ordinary owner; the groups exist, have what is theirs, and no more."""
    sql = "select current_user, r.rolsuper, pg_get_userbyid(d.datdba) from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()"
    ((user, superuser, owner),) = db.rows(con, sql)
    if superuser:
        yield warning("装载账号", f"{user} 是超级用户", "改用普通账号：create role jichu login；库的属主给它，不给超级权限")
    elif owner != user:
        yield bad("装载账号", f"{user} 不是本库的属主（属主是 {owner}）", f"alter database … owner to {user}，表也要归它")
    else:
        yield ok("装载账号", f"{user}，本库属主，不是超级用户")
    have = {r[0] for r in db.rows(con, "select rolname from pg_roles where rolname = any(%s)", [list(GROUPS)])}
    if missing := [g for g in GROUPS if g not in have]:
        yield warning("角色", f"没有 {'、'.join(missing)}：分析人员、区县、部门进不来", RUN_ROLES)
        return
    sql = "select has_schema_privilege('jichu_analyst', 'masked', 'usage'), has_table_privilege('jichu_analyst', %s, 'select')"
    if not db.rows(con, "select to_regclass(%s) is not null", [BASE])[0][0]:
        yield ok("角色", "都在；库表建好后授权")
        return
    ((reads, sees),) = db.rows(con, sql, [BASE])
    if sees:
        yield bad("角色", f"jichu_analyst 能直接读 {BASE}", f"revoke all on {BASE} from jichu_analyst；再由{RUN_ROLES}")
    elif not reads:
        yield bad("角色", "jichu_analyst 读不到 masked", RUN_ROLES)
    else:
        yield ok("角色", "六个角色都在，分析人员只读脱敏视图")
    everybody = "select exists (select from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'CONNECT')"
    if db.rows(con, everybody)[0][0]:
        yield warning("连接权", "任何账号都能连本库", RUN_ROLES)


def shape(settings: Settings, con: Connection) -> Iterator[Line]:
    """Migrations at head."""
    if not db.rows(con, "select to_regclass('public.alembic_version') is not null")[0][0]:
        yield warning("库表版本", "还没有建表", "第一次 jichu run 会自己建；或先 jichu restore")
        return
    have, wanted = db.rows(con, "select version_num from public.alembic_version")[0][0], migrate.head()
    if have == wanted:
        yield ok("库表版本", f"{have}，最新")
    elif have > wanted:
        yield bad("库表版本", f"{have}，比程序的 {wanted} 还新", "程序旧了：git pull，make setup")
    else:
        yield warning("库表版本", f"{have}，程序要 {wanted}", "下一次 jichu run 会自己升级；之前先 jichu backup")


def encrypted(settings: Settings, con: Connection) -> Iterator[Line]:
    """TLS, verified, unless the server is this machine."""
    host = con.info.dsn_parameters.get("host") or ""
    near = not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
    ((told,),) = db.rows(
        con, "select coalesce((select version || ' ' || cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl), '')"
    )
    mode = con.info.dsn_parameters.get("sslmode", "prefer")
    if told and (near or mode in ("verify-full", "verify-ca")):
        yield ok("加密", f"{told}，sslmode={mode}")
    elif told:
        yield warning("加密", f"{told}，但不核对服务器是谁（sslmode={mode}）", "JICHU_DATABASE_URL 加 sslmode=verify-full&sslrootcert=…")
    elif near:
        yield ok("加密", "数据库在本机，只走回环，不加密")
    else:
        yield bad("加密", f"到 {host} 的连接不加密", "服务器打开 TLS（docs/deployment.md），JICHU_DATABASE_URL 加 sslmode=verify-full")


def passwords(settings: Settings, con: Connection) -> Iterator[Line]:
    """No password that everybody knows: ours, and those of the logins that a careless set-up makes."""
    told = parse_dsn(settings.database_url)
    user, password = told.get("user", ""), told.get("password", "")
    if password.lower() in KNOWN_TO_ALL - {""} or password == user != "":
        yield bad("口令", f"{user} 的口令是常见口令", f"alter role {user} password '…'（随机的），并改 JICHU_DATABASE_URL")
    open_doors = [name for name in LOGINS if _lets_in(settings, name)]
    if open_doors:
        yield bad("口令", f"{'、'.join(open_doors)} 用自己的名字作口令就能登录（或不要口令）", "改口令；pg_hba.conf 里不用 trust")
    elif (how := db.rows(con, "select current_setting('password_encryption')")[0][0]) != "scram-sha-256":
        yield warning("口令", f"口令以 {how} 存放", "password_encryption = 'scram-sha-256'，各账号重设口令")
    else:
        yield ok("口令", "没有默认口令，SCRAM-SHA-256")


def _lets_in(settings: Settings, name: str) -> bool:
    told = {k: v for k, v in parse_dsn(settings.database_url).items() if k not in ("user", "password", "passfile")}
    try:
        psycopg2.connect(make_dsn(**told | {"user": name, "password": name, "connect_timeout": "3", "passfile": "/dev/null"})).close()
    except psycopg2.OperationalError:
        return False
    return True


def server(settings: Settings, con: Connection) -> Iterator[Line]:
    """What a crash may cost, and whether a restore to a point in time is possible."""
    names = ("fsync", "full_page_writes", "synchronous_commit", "archive_mode", "data_checksums")
    have = {n: db.rows(con, "select current_setting(%s)", [n])[0][0] for n in names}
    unsafe = [f"{n}={have[n]}" for n in names[:3] if have[n] == "off"]
    if unsafe:
        yield bad("数据库设置", f"{'，'.join(unsafe)}：断电会丢数据或损坏", "postgresql.conf 里改回 on")
    else:
        yield ok("数据库设置", f"断电不丢数据；数据校验和 {have['data_checksums']}")
    if have["archive_mode"] == "off":
        yield warning(
            "时间点恢复",
            "没有归档 WAL：只能恢复到上一次备份",
            "按 docs/recovery.md 的 Point in time 一节打开 archive_mode，或由主机平台做连续备份",
        )
    else:
        failed = db.rows(con, "select last_failed_wal, last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver")[
            0
        ]
        if failed[1]:
            yield bad("时间点恢复", "最近一次 WAL 归档失败", "看数据库日志里 archive_command 的错误；积压会占满磁盘")
        else:
            yield ok("时间点恢复", "WAL 在归档")


def clock(settings: Settings, con: Connection) -> Iterator[Line]:
    """This machine's clock against the database's, and against what is on the books."""
    before = datetime.now(SHANGHAI)
    there = db.rows(con, "select clock_timestamp()")[0][0]
    after = datetime.now(SHANGHAI)
    apart = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if apart > CLOCK_APART:
        said = f"本机与数据库服务器的时钟差 {apart:.0f} 秒"
        level = bad if apart > CLOCK_WRONG else warning
        yield level("时钟", said, "两台机器都打开时间同步（chrony 或 systemd-timesyncd）")
    elif (
        db.rows(con, "select to_regclass('ops.delivery') is not null")[0][0]
        and db.rows(con, "select coalesce(max(loaded_at) > now() + interval '1 minute', false) from ops.delivery")[0][0]
    ):
        yield bad("时钟", "账上有将来的入账时间：时钟往回走过", "打开时间同步，核对时区")
    else:
        yield ok("时钟", f"与数据库一致，现在是上海时间 {after:%Y-%m-%d %H:%M}")


CHECKS: dict[str, Callable[[Settings, Connection], Iterator[Line]]] = {
    "数据库版本": version,
    "角色": roles,
    "库表版本": shape,
    "加密": encrypted,
    "口令": passwords,
    "数据库设置": server,
    "时钟": clock,
}
