"""Logs and errors under hostile input: whatever a message holds, nothing of a person comes out."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from etl import errors, logs
from etl.errors import JichuError, Unforeseen, UsageError

NUMBER, OLD, PHONE, NAME, STREET, MAIL = (
    "510502199001011234",
    "510502900101123",
    "13812345678",
    "欧阳小明",
    "佳乐路8号3栋2单元",
    "someone@example.org",
)
SECRETS = (NUMBER, OLD, PHONE, NAME, STREET, MAIL)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as JSON lines; logging is afterwards as it was."""
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level, ours = list(root.handlers), root.level, logging.getLogger("jichu").level
    stream = io.StringIO()
    monkeypatch.setenv("JICHU_LOG_FORMAT", "json")
    monkeypatch.setenv("JICHU_LOG", "debug")
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("jichu").setLevel(ours)
    logging.setLogRecordFactory(factory)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def broken() -> None:
    raise ValueError(f"invalid input syntax for type date: {NUMBER} of {NAME}, {PHONE}")


@pytest.mark.parametrize(
    "secret", [*SECRETS, "５１０５０２１９９００１０１１２３４", "510502 19900101 1234", "138-1234-5678", "0830-2345678"]
)
@pytest.mark.parametrize("logger", ["jichu", "jichu.report", "somebody.elses.library"])
def test_what_looks_like_a_persons_is_masked_whoever_logs_it(written: io.StringIO, logger: str, secret: str) -> None:
    logging.getLogger(logger).warning("bad value: %s; row 3", secret)
    logging.getLogger(logger).warning(f"bad value: {secret}; row 3")
    assert [secret in str(x["message"]) for x in lines(written)] == [False, False]
    assert all("bad value: " in str(x["message"]) and "row 3" in str(x["message"]) for x in lines(written))


def test_an_exception_is_told_by_its_frames_and_without_its_text(written: io.StringIO) -> None:
    try:
        broken()
    except ValueError as e:
        logging.getLogger("jichu").exception("a row could not be read")
        logging.getLogger("another").error("failed: %s", e)
    told = written.getvalue()
    assert "ValueError" in told
    assert "in broken" in told
    assert not [s for s in SECRETS if s in told]


def test_a_message_whose_arguments_do_not_fit_breaks_nothing(written: io.StringIO) -> None:
    logging.getLogger("jichu").warning("two %s %s", NUMBER)
    assert NUMBER not in written.getvalue()


def test_a_line_carries_where_it_was_said_and_only_there(written: io.StringIO) -> None:
    with logs.context(**logs.about("r1", "health/health_records", "clean")):
        logging.getLogger("jichu").info("inside", extra={"rows": 12, "seconds": 0.5})
    with logs.context(**logs.about("r1", "population", "publish")):
        logging.getLogger("jichu").info("there")
    logging.getLogger("jichu").info("outside")
    inside, there, outside = lines(written)
    assert {k: inside[k] for k in ("run", "dataset", "stage", "rows", "seconds", "level", "message")} == {
        "run": "r1", "dataset": "health/health_records", "stage": "clean", "rows": 12, "seconds": 0.5, "level": "info", "message": "inside",
    }  # fmt: skip
    assert str(inside["time"]).endswith("+08:00")
    assert (there["library"], "dataset" in there) == ("population", False)
    assert not {"run", "dataset", "stage"} & set(outside)


def test_counts_dates_and_names_of_tables_are_told_as_they_are(written: io.StringIO) -> None:
    said = "health/health_records 20180301-0a1b2c3d: 123456 rows, 12.34 s, population.person_history, 2018-03-01"
    logging.getLogger("jichu").info(said)
    assert lines(written)[0]["message"] == said


def test_what_is_masked_keeps_its_lines(written: io.StringIO) -> None:
    logging.getLogger("jichu").warning("first\n  second %s\nthird", NUMBER)
    assert [line.split()[0] for line in str(lines(written)[0]["message"]).split("\n")] == ["first", "second", "third"]


@pytest.mark.parametrize(("name", "value"), [("JICHU_LOG_FORMAT", "xml"), ("JICHU_LOG", "loud")])
def test_a_form_or_level_that_does_not_exist_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} 应为"):
        logs.configure(io.StringIO())


def test_an_unforeseen_error_leaves_a_task_under_its_name_by_its_frames_alone() -> None:
    with pytest.raises(Unforeseen) as caught:
        errors.private(broken)()
    assert type(caught.value).__name__ == "ValueError"
    assert "in broken" in str(caught.value)
    assert not [s for s in SECRETS if s in str(caught.value)]
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert errors.where(caught.value) == str(caught.value)


def test_what_we_say_ourselves_passes_a_task_unchanged() -> None:
    def refuse() -> None:
        raise JichuError("一句话")

    with pytest.raises(JichuError, match="一句话"):
        errors.private(refuse)()
