"""A file that is wrong is refused whole, with the places named; one that is right is read."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portatlas.contexts.reservations.exchange import decoding, document, files
from portatlas.contexts.reservations.exchange.document import Document
from portatlas.contexts.reservations.exchange.faults import MOST, BadFileError
from tests.conftest import NOON
from tests.portatlas.contexts.reservations.exported import a_file, a_row

words = st.text("aZ0 ü→", max_size=9)
moments = st.datetimes(timezones=st.just(UTC))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
reservations = st.fixed_dictionaries(
    {
        "host_id": st.sampled_from(["atlas", "b:1"]),
        "protocol": st.sampled_from(["tcp", "udp"]),
        "port": st.integers(1, 65535),
        "project": st.sampled_from(["shop", "a @b"]),
        "reserved_at": moments,
    },
    optional={
        "description": words.filter(bool),
        "tags": st.just(["web", "a/b"]),
        "metadata": st.dictionaries(words, values, min_size=1, max_size=3),
        "expires_at": moments,
        "auto_release": st.just(True),
        "pid": st.integers(0, 2**63 - 1),
        "pid_started_at": st.floats(0, 1e12),
        "pid_seen_in": st.just("8f0a pid:[4026531836]"),
    },
)


def faults(data) -> list[str]:
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    with pytest.raises(BadFileError) as error:
        files.load(data, host_id="atlas")
    return error.value.lines


@settings(max_examples=30, deadline=None)
@given(st.lists(reservations, max_size=4, unique_by=lambda row: (row["host_id"], row["port"])))
def test_what_is_written_is_read(rows):
    rows.sort(key=lambda row: (row["host_id"], row["protocol"], row["port"]))
    text = "".join(document.written(Document(rows, [], None), NOON))

    assert files.load(text.encode(), host_id="x") == Document(rows, [], None)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"port": 0}, "port: Ensure this value is greater than or equal to 1."),
        ({"port": True}, "port: A whole number was expected."),
        ({"port": 10**400}, "port: Ensure this value is less than or equal to 65535."),
        ({"port": 80.0}, "port: A whole number was expected."),
        ({"protocol": "sctp"}, "protocol: Value 'sctp' is not a valid choice."),
        ({"project": ""}, "project: This field cannot be blank."),
        ({"project": None}, "project: A text was expected."),
        ({"requested_by": "a\0"}, "requested_by: It has characters that can't be printed."),
        ({"description": "\ud800"}, "description: It has characters that can't be printed."),
        ({"unit": "u" * 256}, "unit: Ensure this value has at most 255 characters (it has 256)."),
        ({"tags": {}}, "tags: A list was expected."),
        ({"tags": ["a", "a"]}, "tags: Each tag is said once."),
        ({"metadata": []}, "metadata: An object was expected."),
        ({"metadata": {"a": ["\0"]}}, "metadata: Metadata has a NUL in it."),
        (
            {"metadata": {"\udc00": 1}},
            "metadata: Metadata has something that JSON or UTF-8 can't say.",
        ),
        (
            {"metadata": {"a": json.loads("[" * 60 + "]" * 60)}},
            "metadata: Metadata has at most 50 levels.",
        ),
        ({"pid": 2**63}, "pid: Ensure this value is less than or equal to 9223372036854775807."),
        ({"pid_started_at": 10**400}, "pid_started_at: This is too large a number."),
        ({"host_id": "*", "pid": 1}, "pid: A process is one of one host: say which."),
        ({"auto_release": 1}, "auto_release: true or false was expected."),
        ({"colour": "red"}, "colour: this is not known here."),
        ({"\x1b[2J": 1}, "'\\x1b[2J': this is not known here."),
    ],
)
def test_a_value_that_can_not_be_is_a_fault_with_its_place(said, fault):
    data = a_file(a_row(1), a_row(2) | said)

    assert faults(data) == [f"reservations[1].{fault}"]


@pytest.mark.parametrize("when", ["2026-01-01T12:00:00", "12", 12, None, "0001-01-01T00:00+23:00"])
def test_a_time_says_its_zone(when):
    [fault] = faults(a_file(a_row(reserved_at=when)))

    assert fault.startswith("reservations[0].reserved_at: A time like")


def test_what_is_missing_and_what_is_twice_is_a_fault():
    data = a_file(a_row(1), a_row(1), a_row(1, host_id="*"), {})

    assert faults(data) == [
        *(
            f"reservations[3].{name}: it is missing."
            for name in ("host_id", "protocol", "port", "project", "reserved_at")
        ),
        "reservations[1]: 1/tcp on atlas is reserved by reservations[0] already.",
        "reservations[2]: 1/tcp on atlas is reserved by reservations[0] already.",
    ]


def test_no_more_faults_are_told_than_one_reads():
    assert len(faults(a_file(*(a_row(0) for _ in range(100))))) == MOST


def test_rules_and_lines_are_checked_as_strictly():
    rule = {"first": 2, "last": 1, "host_id": "*", "project": "a", "team": "b"}
    line = {"at": NOON.isoformat(), "host_id": "a", "protocol": "tcp", "port": 1, "action": "lost"}

    assert faults(a_file(rules=[rule], history=[line])) == [
        "history[0].action: Value 'lost' is not a valid choice.",
        "rules[0]: a range goes from the lower port to the higher.",
        "rules[0]: a rule is for a project or for a team.",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "This is no JSON, in line 1, column 1: Expecting value."),
        (b'{"a": 1,\n}', "This is no JSON, in line 2, column 1: "),
        (b'{"a": NaN}', "This is no JSON: NaN is no number."),
        (b'{"a": 1e999}', "1e999 is too large a number."),
        (b"1" * 5000, "111111111111111111111111111111… is too long a number."),
        (b"[" * 100_000, "It is nested too deep."),
        (b"\n\xff\xfe", "This is no UTF-8 text, in line 2."),
        ('{"format": 1}'.encode("utf-16"), "This is no UTF-8 text, in line 1."),
        (b"[]", 'This is no export of reservations: "format" is not "portatlas-reservations".'),
        (b'{"a": [{"b": 1, "b": 2}]}', "a[0]: 'b' is said twice."),
        (b'{"ports": [], "ports": []}', "'ports' is said twice."),
    ],
)
def test_what_is_no_such_file_is_refused(text, fault):
    assert faults(text)[0].startswith(fault)


def test_a_file_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(decoding, "MOST_BYTES", 10)

    assert faults(b" " * 11) == ["It has more than 0 MiB. Divide it."]


def test_more_values_than_memory_is_meant_for_are_refused(monkeypatch):
    monkeypatch.setattr(decoding, "MOST_VALUES", 10)

    assert faults(b"[" + b"[]," * 11 + b"[]]") == ["It has more than 10 values. Divide it."]


def test_a_file_of_a_newer_version_is_refused():
    [fault] = faults(a_file() | {"version": 2})

    assert fault.startswith("version: 1 is the only one known here. A newer Port Atlas wrote it")


def test_times_are_read_to_the_microsecond_and_in_any_zone():
    data = a_file(a_row(reserved_at="2026-01-01T14:00:00.000007+02:00"))

    [row] = files.load(json.dumps(data).encode(), host_id="x").reservations

    assert row["reserved_at"] == datetime(2026, 1, 1, 12, 0, 0, 7, tzinfo=UTC)
