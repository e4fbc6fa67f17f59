"""Notes as files: what is written is what is read, and what is wrong is told with its line."""

import contextlib
import csv
import io
import json
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notes.exchange import as_yaml, formats
from notes.exchange.document import VERSION, Document
from notes.exchange.entry import Entry
from notes.exchange.faults import MOST, BadFileError, EditedError
from notes.exchange.formats import Format
from notes.models import PortNote

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "'=1",
    "''@x",
    "a;=b",
    "\t=1",
    "\r",
    " =1",
    "\uff1d1",
    "'quoted'",
]
NASTY = [
    *FORMULAS,
    " leading and trailing ",
    "a\nb\r\nc\rd\n\n",
    "\n  indented\n\ttab",
    "# no comment",
    "null",
    "0800",
    "22:22",
    "2026-01-01",
    "yes",
    "- a: {b, [c]}",
    "\x85\u2028\u2029\ufeff\x1b[31m",
    "\U0001f980 Zoë 日本",
    "quotes \" and \\ and '",
    "trailing space \nnext",
    "...",
    "---\n",
]
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
said = st.fixed_dictionaries(
    {
        "title": texts | st.sampled_from(NASTY),
        "description": texts | st.sampled_from(NASTY),
        "owner": texts,
        "service_type": st.sampled_from(PortNote.ServiceType.values),
        "risk_level": st.sampled_from(PortNote.RiskLevel.values),
        "tags": st.lists(
            st.from_regex(r"[a-z0-9][a-z0-9._:/-]{0,9}", fullmatch=True), unique=True
        ).map(lambda words: words[:30]),
        "expected_scope": st.sampled_from(["", *PortNote.ExpectedScope.values]),
        "review_by": st.none() | st.dates(),
    }
)
keys = st.tuples(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,9}", fullmatch=True) | st.just("*"),
    st.sampled_from(PortNote.Protocol.values),
    st.integers(1, 65535),
)
notes = st.dictionaries(keys, said, max_size=4).map(
    lambda found: [Entry(key, found[key]) for key in sorted(found)]
)


def content(entries):
    return [(entry.key, dict(entry.said)) for entry in entries]


def shop(**fields):
    said = {
        "title": "Shop",
        "description": "",
        "owner": "",
        "service_type": "web",
        "risk_level": "trusted",
        "tags": ["web"],
        "expected_scope": "",
        "review_by": None,
    }
    return Entry(("atlas", "tcp", 80), said | fields)


def load(text, form=Format.YAML, **options):
    return formats.load(formats.decode(text.encode()), form, **options)


def faults(text, form=Format.YAML):
    with pytest.raises(BadFileError) as caught:
        load(text, form)
    return caught.value.lines


@pytest.mark.parametrize("form", Format)
@given(notes)
def test_what_is_written_is_what_is_read(form, entries):
    data = formats.dump(Document(tuple(entries)), form)

    found = formats.load(formats.decode(data), form)

    assert content(found.entries) == content(entries)
    assert formats.dump(found, form) == data


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_come_back_as_they_were(form, text):
    entry = shop(title=text, description=text, owner=text)

    found = load(formats.dump(Document((entry,)), form).decode(), form)

    assert content(found.entries) == content([entry])


@given(notes)
def test_both_readers_of_yaml_find_the_same(entries):
    """PyYAML without its C library reads what was written with it."""
    text = formats.dump(Document(tuple(entries)), Format.YAML).decode()

    found = yaml.load(text, yaml.SafeLoader)

    assert [(note["host_id"], note["title"]) for note in found["notes"]] == [
        (entry.key[0], entry.said["title"]) for entry in entries
    ]


def test_without_its_c_library_yaml_is_read_too(monkeypatch):
    text = formats.dump(Document((shop(),)), Format.YAML).decode()
    monkeypatch.setattr(as_yaml, "Loader", yaml.SafeLoader)

    assert content(load(text).entries) == content([shop()])
    assert faults("format: [") == [
        "line 1: This is no YAML: expected the node content, but found '<stream end>'."
    ]


def test_a_yaml_file_is_made_to_be_read_by_people():
    entry = shop(description="One.\n\nTwo.", review_by=date(2026, 1, 31), owner="")

    text = formats.dump(Document((entry,)), Format.YAML, sealed=False).decode()

    assert text == (
        "format: portatlas-notes\n"
        "version: 1\n"
        "notes:\n"
        "- host_id: atlas\n"
        "  protocol: tcp\n"
        "  port: 80\n"
        "  title: Shop\n"
        "  description: |-\n"
        "    One.\n"
        "\n"
        "    Two.\n"
        "  owner: ''\n"
        "  service_type: web\n"
        "  risk_level: trusted\n"
        "  tags: [web]\n"
        "  expected_scope: ''\n"
        "  review_by: 2026-01-31\n"
    )


def test_a_json_file_is_json_with_a_note_on_each_line():
    data = formats.dump(Document((shop(), shop()._replace(key=("*", "udp", 53)))), Format.JSON)

    assert len(json.loads(data)["notes"]) == 2
    assert len(data.splitlines()) == 10


def test_a_table_runs_nothing_in_a_spreadsheet():
    entry = shop(title="=HYPERLINK(1)", owner="a;@b")

    data = formats.dump(Document((entry,)), Format.CSV).decode("utf-8-sig")

    row = list(csv.reader(io.StringIO(data)))[2]
    assert (row[3], row[5]) == ("'=HYPERLINK(1)", "a;'@b")


def test_the_checksum_is_of_the_notes_in_whatever_format_and_order():
    entries = (shop(), shop(title="Other")._replace(key=("*", "udp", 53)))
    text = formats.dump(Document(entries), Format.JSON).decode()
    rows = text.splitlines()
    rows[6], rows[7] = f"{rows[7]},", rows[6].rstrip(",")

    found = load("\n".join(rows), Format.JSON)

    assert [entry.key for entry in found.entries] == [("*", "udp", 53), ("atlas", "tcp", 80)]


@pytest.mark.parametrize("form", Format)
def test_an_edited_file_is_taken_only_if_somebody_says_that_he_edited_it(form):
    text = formats.dump(Document((shop(),)), form).decode().replace("Shop", "Store")

    with pytest.raises(EditedError) as caught:
        load(text, form)

    assert caught.value.lines == [
        "Its checksum doesn't fit its notes: it was edited since it was written, or it is damaged."
    ]
    assert load(text, form, edited=True).entries[0].said["title"] == "Store"


def test_a_file_that_lacks_a_note_is_told():
    entries = (shop(), shop()._replace(key=("*", "udp", 53)))
    text = formats.dump(Document(entries), Format.CSV).decode()

    with pytest.raises(EditedError, match="It has 1 notes and says another number"):
        load("".join(text.splitlines(keepends=True)[:-1]), Format.CSV)


def test_what_a_spreadsheet_saves_again_is_read():
    """Another delimiter, rows filled up, every cell in quotes, no mark of Unicode."""
    text = formats.dump(Document((shop(title="Zoë, the shop"),)), Format.CSV).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    width = max(map(len, rows)) + 2
    file = io.StringIO()
    csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows(
        [*row, *[""] * (width - len(row))] for row in rows
    )

    found = load(file.getvalue(), Format.CSV)

    assert found.entries[0].said["title"] == "Zoë, the shop"


BY_HAND = "format: portatlas-notes\nversion: 1\nnotes:\n"


def test_who_writes_by_hand_says_only_what_he_knows():
    found = load(f"{BY_HAND}- host_id: '*'\n  port: 22\n  title: 0800\n  tags:\n")

    assert content(found.entries) == [(("*", "tcp", 22), {"title": "0800", "tags": []})]


def test_every_fault_is_told_with_its_line():
    text = (
        f"{BY_HAND}"
        "- host_id: a/b\n"
        "  port: 70000\n"
        "- port: 80\n"
        "  titl: Shop\n"
        "- host_id: atlas\n"
        "  port: 80\n"
        "  risk_level: fine\n"
        "  tags: [Ä]\n"
        "  review_by: soon\n"
        "- nothing\n"
    )

    assert [line.split(":")[0:2] for line in faults(text)] == [
        ["line 4", " 'host_id'"],
        ["line 5", " 'port'"],
        ["line 6", " host_id"],
        ["line 7", " 'titl'"],
        ["line 10", " 'risk_level'"],
        ["line 11", " 'tags'"],
        ["line 12", " 'review_by'"],
        ["line 13", " A note was expected here"],
    ]


def test_a_fault_in_json_has_its_line():
    text = '{"format": "portatlas-notes", "version": 1,\n"notes": [\n{"host_id": "a",\n"port": 0}]}'

    assert faults(text, Format.JSON) == [
        "line 4: 'port': '0' is no port: a port is a number from 1 to 65535."
    ]


def test_a_fault_in_a_table_has_its_row():
    text = '# format=portatlas-notes version=1\nhost_id,port,title\na,80,"two\nlines"\na,x,\n'

    assert faults(text, Format.CSV) == [
        "row 4: 'port': 'x' is no port: a port is a number from 1 to 65535."
    ]


def test_no_more_than_twenty_faults_are_told():
    assert len(faults(BY_HAND + "- {host_id: '!', port: 0}\n" * 100)) == MOST == 20


def test_a_port_that_is_said_twice_is_told():
    text = f"{BY_HAND}- {{host_id: a, port: 80}}\n- {{host_id: a, port: 80, protocol: tcp}}\n"

    assert faults(text) == ["line 5: 80/tcp on a is said twice, first on 4."]


def test_a_newer_version_is_refused():
    text = BY_HAND.replace("version: 1", f"version: {VERSION + 1}")

    assert faults(text) == [
        (
            "line 2: Its version is not 1, the only one known here: a newer Port Atlas wrote it. "
            "Update this one, and import it then."
        )
    ]


@pytest.mark.parametrize(
    ("text", "form", "why"),
    [
        ("", Format.YAML, "The file is empty."),
        ("a: 1", Format.YAML, "line 1: This is no export of notes: it doesn't say format: "),
        ("format: x", Format.YAML, "line 1: This is no export of notes: format is not "),
        ("format: portatlas-notes", Format.YAML, "line 1: It says no version: "),
        ("a: 1\nb: 2\na: 3", Format.YAML, "line 3: 'a' is said twice, on line 1 and here."),
        ("a: &x 1\nb: *x", Format.YAML, "line 1: Anchors and aliases (& and *) are not read"),
        ("a: !!python/object:os.system 1", Format.YAML, "line 1: Tags are not read: "),
        ("a: [[[[[[[[[[[[1]]]]]]]]]]]]", Format.YAML, "line 1: This is nested deeper than 8"),
        ("a: 1\n---\nb: 2", Format.YAML, "line 2: A second document begins here"),
        ("? [a]\n: 1", Format.YAML, "line 1: A name was expected here"),
        ("a\n\x1b", Format.YAML, "line 2: The character '\\x1b' can't be in YAML."),
        ('{"a": 1, "a": 2}', Format.JSON, "line 1: 'a' is said twice, on line 1 and here."),
        ('{"a": NaN}', Format.JSON, "line 1: This is no JSON: NaN is no number."),
        ("[" * 100_000, Format.JSON, "line 1: This is nested deeper than 8 levels."),
        ('{"a": 1}\n}', Format.JSON, "line 2: This is no JSON: something follows its end."),
        ('{"a"', Format.JSON, "line 1: This is no JSON: : is missing."),
        ("{1: 2}", Format.JSON, "line 1: This is no JSON: a name in quotes is missing."),
        ("host_id,port\n", Format.CSV, "row 1: This is no export of notes: its first row "),
        ("# format=portatlas-notes version=1", Format.CSV, "row 2: The names of the fields"),
        ('# a=1\nb,"c', Format.CSV, "row 2: This is no CSV: "),
        ("# a=1\nb,b\n", Format.CSV, "row 2: In the names of the fields 'b' is there twice."),
        ("# a=1\nb\n1,2\n", Format.CSV, "row 3: It has more cells than the 1 fields"),
    ],
)
def test_what_is_no_export_is_refused_with_the_reason(text, form, why):
    assert faults(text, form)[0].startswith(why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a\n\xff", "line 2: This is no UTF-8. Save it as UTF-8."),
        (b"a\nb\0", "line 2: A text can't have the character NUL."),
    ],
)
def test_what_is_no_text_is_refused(data, why):
    with pytest.raises(BadFileError) as caught:
        formats.decode(data)

    assert caught.value.lines == [why]


def test_a_file_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(formats, "MOST_BYTES", 3)

    with pytest.raises(BadFileError, match="Divide it"):
        formats.decode(b"four")


@pytest.mark.parametrize(
    "note",
    [
        '{"host_id": "a", "port": 80, "title": "\\ud800"}',
        '{"host_id": "a", "port": 80, "title": "\\u0000"}',
        '{"host_id": "a", "port": 80, "title": 8080}',
        '{"host_id": "a", "port": 80, "title": true}',
        '{"host_id": "a", "port": 80, "title": ["x"]}',
        '{"host_id": "a", "port": 80.0}',
        '{"host_id": "a", "port": true}',
        f'{{"host_id": "a", "port": {"9" * 9999}}}',
        '{"host_id": "a", "port": 80, "tags": {"a": 1}}',
        '{"host_id": "a", "port": 80, "tags": [["a"]]}',
        f'{{"host_id": "a", "port": 80, "title": "{"x" * 201}"}}',
        '{"host_id": "a", "port": 80, "review_by": "20260131"}',
        '{"host_id": "a", "port": 80, "review_by": "2026-02-30"}',
        '{"host_id": null, "port": 80}',
        f'{{"host_id": "{"a" * 65}", "port": 80}}',
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(note):
    text = f'{{"format": "portatlas-notes", "version": 1, "notes": [{note}]}}'

    assert len(faults(text, Format.JSON)) == 1


def test_a_hundred_million_laughs_are_refused_at_once():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}]\n"
        for before, name in zip(
            "abcdefghijklmnopqrstuvwxy", "bcdefghijklmnopqrstuvwxyz", strict=True
        )
    )

    assert faults(bomb) == ["line 1: Anchors and aliases (& and *) are not read: write it out."]


@pytest.mark.parametrize("form", Format)
@given(st.binary(max_size=200))
def test_no_bytes_do_any_harm(form, data):
    refuses(data, form)


@pytest.mark.parametrize("form", Format)
@given(entries=notes, cut=st.integers(0, 400), put=st.binary(max_size=8))
def test_no_damage_does_any_harm(form, entries, cut, put):
    whole = formats.dump(Document(tuple(entries)), form)

    refuses(whole[:cut] + put + whole[cut + len(put) :], form)
    refuses(whole[:cut], form)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["host_id", "port", "tags", "title", "review_by"]), values))
def test_no_types_do_any_harm(note):
    head = {"format": "portatlas-notes", "version": 1}

    refuses(json.dumps(head | {"notes": [note]}).encode(), Format.JSON)
    refuses(json.dumps(head | note).encode(), Format.JSON)
    refuses(yaml.safe_dump(head | {"notes": [note]}).encode(), Format.YAML)


def refuses(data, form):
    """Take a file, or refuse it as the doors expect."""
    with contextlib.suppress(BadFileError):
        formats.load(formats.decode(data), form)


@pytest.mark.parametrize(
    ("form", "text"),
    [(Format.YAML, f"{BY_HAND}- 1\n- 2\n"), (Format.JSON, '{"notes": [\n1, 2, 3, 4]}')],
)
def test_more_values_than_a_file_may_have_are_refused(form, text, monkeypatch):
    monkeypatch.setattr(f"notes.exchange.as_{form}.MOST_NODES", 4)

    assert faults(text, form)[0].endswith("It has more than 4 values. Divide it.")


@pytest.mark.parametrize("form", [Format.YAML, Format.CSV])
def test_more_notes_than_a_file_may_have_are_refused(form, monkeypatch):
    text = formats.dump(Document((shop(), shop(), shop())), form).decode()
    for module in ("document", "as_csv"):
        monkeypatch.setattr(f"notes.exchange.{module}.MOST_NOTES", 2)

    assert faults(text, form)[0].endswith("It has more than 2 notes. Divide it.")
