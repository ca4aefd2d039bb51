"""Who looked at people: what the command line shows of them is written to `access.log` first, like what accounts of the database read.

Masked too: an engineer sees the beginning and the end of a number beside a birth date, which tells whose it is.
"""

import os
import pwd
import socket
from collections.abc import Sequence

from etl import db, migrate
from etl.settings import Settings


def viewer() -> str:
    """The user of the operating system (behind sudo too) and the machine: the command line knows no other name."""
    real = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    return f"{real}@{socket.gethostname()}"


def shown(settings: Settings, subjects: Sequence[str], command: str, *, unmasked: bool = False) -> None:
    """Puts on record, and commits, that these identities or records are about to be shown. Records whose key holds a number are named by
    its pseudonym. Raises what the database raises: then nothing may be shown. Nobody is shown, nothing is written."""
    os.umask(0o077)  # a page that is written of them is for its own user alone
    if not subjects:
        return
    migrate.migrate(settings)
    sql = "insert into access.log (login, client, action, subjects, reason) values (%s, inet_client_addr(), 'show', array(select mask.key(s) from unnest(%s::text[]) s), %s)"
    with db.transaction(settings) as con:
        db.rows(con, sql, [viewer(), list(subjects), f"{command}{' --unmasked' if unmasked else ''}"])
