"""The container and the manifest: what strangers may have made of them."""

import io
import json
import tarfile
from datetime import UTC, datetime

import pytest

from portatlas.backup import manifest
from portatlas.backup.archive import BLOCK, Reader, Writer
from portatlas.backup.faults import BackupError, BadFileError
from portatlas.backup.manifest import Manifest
from tests.conftest import NOON

MADE = Manifest(
    version="0.1.0",
    database="sqlite",
    server="3.40.1",
    made_at=NOON,
    host_id="atlas",
    key="0123456789abcdef",
    has_key=False,
    migrations={"notes": ("0001_initial",)},
    counts={"hosts": 1},
    size=5,
)


def written(**members: bytes) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, NOON)
    for name, data in members.items():
        writer.add(name, data)
    writer.close()
    return out.getvalue()


def header(name="one", size=0, kind=tarfile.REGTYPE, target="") -> bytes:
    head = tarfile.TarInfo(name)
    head.size, head.type, head.linkname = size, kind, target
    return head.tobuf(tarfile.GNU_FORMAT)


def test_what_was_written_is_read():
    reader = Reader(io.BytesIO(written(one=b"1" * 512, two=b"", three=b"333")))

    sink = io.BytesIO()
    read = [reader.small("one", 512), reader.small("two", 0), reader.copy("three", 3, sink)]
    reader.check()

    assert (read, sink.getvalue()) == ([b"1" * 512, b"", None], b"333")


def test_more_than_eight_gigabytes_fit_into_a_header():
    size = 2**33 + 1

    assert Reader(io.BytesIO(header(size=size)))._open("one") == size


def test_a_source_that_becomes_shorter_is_noticed():
    with pytest.raises(BackupError, match="became shorter"):
        Writer(io.BytesIO(), NOON).add_from(io.BytesIO(b"12"), "one", 3)


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513, 1023, 1024, 1535, 1536, 2000])
def test_a_file_that_ends_too_early_is_refused(length):
    whole = written(one=b"1")

    reader = Reader(io.BytesIO(whole[:length]))

    with pytest.raises(BadFileError, match="not whole"):
        reader.check() if reader.small("one", 1) else None


@pytest.mark.parametrize(
    "block",
    [
        header("../../etc/passwd"),
        header("/one"),
        header("./one"),
        header(kind=tarfile.SYMTYPE, target="/etc/passwd"),
        header(kind=tarfile.LNKTYPE, target="/etc/passwd"),
        header(kind=tarfile.DIRTYPE),
        header(kind=tarfile.CHRTYPE),
        header(kind=tarfile.GNUTYPE_SPARSE),
        header(kind=tarfile.XHDTYPE, size=2**40),
        header("././@LongLink", kind=tarfile.GNUTYPE_LONGNAME, size=2**40),
        header(size=-1),
        b"PK\x03\x04" + bytes(508),
        b"\xff" * BLOCK,
        b"SQLite format 3\0" + bytes(496),
    ],
)
def test_no_other_header_is_taken(block):
    with pytest.raises(BadFileError, match="does not begin with one"):
        Reader(io.BytesIO(block + bytes(BLOCK))).small("one", 100)


@pytest.mark.parametrize(
    ("magic", "tool"), [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh9", "bzip2")]
)
def test_a_compressed_file_is_told_how_to_read(magic, tool):
    with pytest.raises(BadFileError, match=f"{tool} -dc FILE, and restore from -"):
        Reader(io.BytesIO(magic + bytes(BLOCK))).small("one", 100)


def test_a_member_of_any_size_costs_no_memory():
    with pytest.raises(BadFileError, match="and 100 is the most"):
        Reader(io.BytesIO(header(size=2**40))).small("one", 100)


def test_a_member_of_another_size_than_expected_is_refused():
    with pytest.raises(BadFileError, match="has 3 bytes, and its manifest says 4"):
        Reader(io.BytesIO(written(one=b"123"))).copy("one", 4, io.BytesIO())


@pytest.mark.parametrize("place", [BLOCK, 2 * BLOCK + BLOCK])
def test_each_changed_bit_is_noticed(place):
    damaged = bytearray(written(one=b"1"))
    damaged[place] ^= 1
    reader = Reader(io.BytesIO(damaged))
    reader.small("one", 1)

    with pytest.raises(BadFileError, match="damaged"):
        reader.check()


def test_a_manifest_is_read_as_it_was_written():
    assert manifest.read(MADE.as_bytes()) == MADE


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 10**6, b'{"format": "zip"}', b"1" * 5000],
)
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BadFileError, match="no backup of Port Atlas"):
        manifest.read(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format_version", "1"),
        ("format_version", True),
        ("database", "oracle"),
        ("database", ["sqlite"]),
        ("version", "0.1\x1b[2J"),
        ("version", "1" * 100),
        ("server", None),
        ("made_at", "yesterday"),
        ("made_at", 5),
        ("made_at", "0001-01-01T00:00:00+23:00"),
        ("host_id", "a b"),
        ("host_id", "\u202e"),
        ("key", "0"),
        ("migrations", []),
        ("migrations", {"notes": "0001"}),
        ("migrations", {"notes": [1]}),
        ("migrations", {"a b": []}),
        ("counts", {"hosts": -1}),
        ("counts", {"hosts": 1.5}),
        ("counts", {"ho\nsts": 1}),
        ("size", 2**60),
        ("size", False),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(name, value):
    values = json.loads(MADE.as_bytes()) | {name: value}

    with pytest.raises(BadFileError, match=r"in its manifest\.json makes no sense"):
        manifest.read(json.dumps(values).encode())


def test_a_time_without_a_zone_is_taken_as_utc():
    values = json.loads(MADE.as_bytes()) | {"made_at": "2026-01-01T12:00:00"}

    assert manifest.read(json.dumps(values).encode()).made_at == datetime(
        2026, 1, 1, 12, tzinfo=UTC
    )


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.1.0.dev3", "1", "0.10"])
def test_an_older_backup_is_taken(version):
    MADE.refuse_unless_fits(version=version, database="sqlite", known={"notes": {"0001_initial"}})
