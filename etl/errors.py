"""What can go wrong, said once: each error knows its exit code and speaks one Chinese sentence.

Nothing here ever carries an identifier, name, phone or address of a person: messages name files, rows by
number, columns and codes only (docs/decisions/0005-private-by-default.md).
"""

import errno
import functools
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class JichuError(Exception):
    """Anything the user can be told in a sentence; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(JichuError):
    """The command was called wrongly, or a spec is wrong."""

    exit_code = 2


class DatabaseError(JichuError):
    """The library database cannot be reached or refused us."""

    exit_code = 1


class LockBusy(JichuError):
    """Another run holds the lock longer than JICHU_LOCK_WAIT."""

    exit_code = 4


class DeliveryRefused(JichuError):
    """A delivery that cannot be taken as a whole. `code` is one of the contract's delivery reasons.

    truncated, checksum, row_count, missing_column, encoding, format, password, too_big, unreachable,
    unsafe_path, fewer_rows, too_many_bad, superseded, changed_after_load, unknown_dataset.
    """

    exit_code = 3

    def __init__(self, code: str, sentence: str):
        self.code, self.sentence = code, sentence
        super().__init__(f"{code}: {sentence}")


FULL = {errno.ENOSPC, errno.EDQUOT}
BROKEN = {errno.EIO, errno.EROFS}
LOST = {"OperationalError", "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow"}


def of_the_machine(error: BaseException) -> str:
    """A Chinese sentence when the machine failed and not the data: a full or broken disk, no memory, no database. Empty for anything else."""
    error = getattr(error, "orig", None) or error  # what SQLAlchemy wraps
    number, code, text = getattr(error, "errno", None), getattr(error, "pgcode", None), str(error)
    if number in FULL or code == "53100" or "No space left" in text:
        where_to = "数据库服务器的磁盘" if type(error).__module__.startswith("psycopg2") else "JICHU_HOME 所在的磁盘"
        return f"{where_to}已满：腾出空间（jichu prune、移走旧备份）后再运行一次，没有做完的接着做"
    if number in BROKEN or code == "58030":
        return "磁盘读写出错：请管理员查磁盘与系统日志，修好后再运行一次"
    if type(error).__module__.startswith("psycopg2") and (code or "08")[:2] in ("08", "57") and type(error).__name__ in LOST:
        return "与数据库的连接断了：等数据库恢复后再运行一次，没有做完的接着做"
    if isinstance(error, MemoryError) or code == "53200":
        return "内存不够：调小 JICHU_MEMORY 与同时运行的任务数，或加内存，再运行一次"
    return ""


class Unforeseen(Exception):
    """An unforeseen error as the world may see it: by its frames, without its message. Raised under the name of the original."""


def where(error: BaseException) -> str:
    """Where an unforeseen error came from: its frames and, of the database, its SQLSTATE. Never its message, which may quote a row."""
    if isinstance(error, Unforeseen):
        return str(error)
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__} {getattr(error, 'pgcode', None) or ''}\n{frames}"


def private(task: Callable[P, T]) -> Callable[P, T]:
    """For what a scheduler calls: it logs, stores and sends on the text of whatever is raised, and an unforeseen error's may quote
    a row. So it leaves as `Unforeseen`, under its own name, without the original behind it. What we raise ourselves passes."""

    @functools.wraps(task)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return task(*args, **kwargs)
        except JichuError:
            raise
        except Exception as e:
            name, told = type(e).__name__, where(e)
        raise type(name, (Unforeseen,), {})(told)  # outside of the handler: no context that would be printed with it

    guarded.guarded = True  # type: ignore[attr-defined]
    return guarded
