"""What can go wrong, said once: each error knows its exit code and speaks one Chinese sentence.

Nothing here ever carries an identifier, name, phone or address of a person: messages name files, rows by
number, columns and codes only (docs/decisions/0005-private-by-default.md).
"""

import traceback


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


def where(error: BaseException) -> str:
    """Where an unforeseen error came from: its frames and, of the database, its SQLSTATE. Never its message, which may quote a row."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__} {getattr(error, 'pgcode', None) or ''}\n{frames}"
