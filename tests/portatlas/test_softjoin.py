"""The contract of SoftJoin: what a bare ForeignObject gets wrong, a new Django must keep right."""

import pickle

import pytest
from django.core import serializers
from django.db import NotSupportedError, connection
from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, Value, When

from collector.models import PortRuntime
from notes.models import PortNote
from portatlas.models import Memory, Port


@pytest.fixture
def ports(open_port, write_note):
    """Four ports, two of them noted, and a note about a port that was never seen."""
    for number in (22, 80, 443, 8080):
        open_port(number)
    open_port(80, protocol="udp")
    write_note(22, title="Shell", owner="ops", tags=["remote"])
    write_note(443, title="Web", owner="web")
    write_note(9000, title="Never seen", owner="ops")
    write_note(80, host_id="elsewhere", title="Another host")


def numbers(queryset):
    return sorted((port.port, port.protocol) for port in queryset)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Q(note__isnull=True), [(80, "tcp"), (80, "udp"), (8080, "tcp")]),
        (Q(note__isnull=False), [(22, "tcp"), (443, "tcp")]),
        (~Q(note__isnull=True), [(22, "tcp"), (443, "tcp")]),
        (Q(note__port=80), []),
        (Q(note__port=22), [(22, "tcp")]),
        (Q(note__host_id="atlas"), [(22, "tcp"), (443, "tcp")]),
        (Q(note__protocol="udp"), []),
        (Q(note__title="Shell"), [(22, "tcp")]),
        (Q(note__title="Shell") | Q(port=80), [(22, "tcp"), (80, "tcp"), (80, "udp")]),
        (~Q(note__title="Shell"), [(80, "tcp"), (80, "udp"), (443, "tcp"), (8080, "tcp")]),
        (Q(note__id__isnull=True, protocol="udp"), [(80, "udp")]),
        (Q(note__created_by__username="nobody"), []),
        (Q(note__tags__icontains="remote"), [(22, "tcp")]),
    ],
)
def test_conditions_look_at_the_note_and_not_at_the_local_key(ports, condition, expected):
    assert numbers(Port.objects.filter(condition)) == expected


def test_exclude_is_the_opposite_of_filter(ports):
    with_owner = Port.objects.filter(note__owner="ops")

    assert numbers(Port.objects.exclude(note__owner="ops")) == numbers(
        Port.objects.exclude(pk__in=with_owner)
    )


def test_select_related_keeps_ports_without_note_in_one_query(ports, django_assert_num_queries):
    with django_assert_num_queries(1):
        titles = [port.note and port.note.title for port in Port.objects.select_related("note")]

    assert titles == ["Shell", None, None, "Web", None]


def test_select_related_goes_on_behind_the_note(ports, django_assert_num_queries):
    with django_assert_num_queries(1):
        ports = list(Port.objects.select_related("note__created_by"))
        authors = [port.note.created_by for port in ports if port.note]

    assert authors == [None, None]


def test_prefetch_related_takes_two_queries(ports, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = [note.runtime for note in Memory.objects.prefetch_related("runtime")]

    assert [port and port.port for port in found] == [22, 443, None, None]


def test_prefetch_with_a_queryset_of_its_own(ports):
    web = PortRuntime.objects.filter(port=443)

    found = Memory.objects.prefetch_related(Prefetch("runtime", queryset=web))

    assert [note.port for note in found if note.runtime] == [443]


def test_what_stands_in_can_not_be_prefetched(ports):
    """One note would have to be handed to many ports, and which one depends on the others."""
    with pytest.raises(NotSupportedError, match="select_related"):
        list(Port.objects.prefetch_related("note"))


def test_lazy_access_yields_the_note_or_none(ports):
    assert Port.objects.get(port=22).note.title == "Shell"
    assert Port.objects.get(port=8080).note is None


def test_a_missing_note_is_asked_for_once(ports, django_assert_num_queries):
    port = Port.objects.get(port=8080)

    with django_assert_num_queries(1):
        assert (port.note, port.note) == (None, None)


def test_assignment_is_refused_and_leaves_the_key_alone(ports):
    port = Port.objects.get(port=22)

    with pytest.raises(AttributeError, match="read-only"):
        port.note = None

    assert port.key == ("tcp", 22)


def test_full_clean_and_save_leave_the_key_alone(ports):
    port = Port.objects.get(port=8080)

    port.full_clean()
    port.save()

    assert Port.objects.filter(port=8080, host_id="atlas").count() == 1


def test_annotations_count_group_and_choose(ports):
    noted = Case(When(note__isnull=False, then=Value("noted")), default=Value("bare"))

    counts = Port.objects.order_by().values_list(noted).annotate(Count("pk"))

    assert dict(counts) == {"noted": 2, "bare": 3}
    assert Port.objects.aggregate(n=Count("note"))["n"] == 2


def test_values_come_from_the_note(ports):
    rows = Port.objects.filter(port=80).values_list("note__protocol", "note__port")

    assert list(rows) == [(None, None), (None, None)]


def test_subqueries_through_the_join(ports):
    noted = Port.objects.filter(note__isnull=False, pk=OuterRef("pk"))
    by_note = Port.objects.filter(note__in=PortNote.objects.filter(owner="ops"))

    assert numbers(Port.objects.filter(Exists(noted))) == [(22, "tcp"), (443, "tcp")]
    assert numbers(by_note) == [(22, "tcp")]


def test_union_iterator_only_and_pickle(ports):
    bare = Port.objects.order_by().filter(note__isnull=True)
    noted = Port.objects.order_by().filter(note__isnull=False)
    copy = pickle.loads(pickle.dumps(Port.objects.select_related("note").get(port=22)))  # noqa: S301  # our own bytes

    assert len(bare.union(noted)) == 5
    assert [port.port for port in Port.objects.select_related("note").iterator() if port.note] == [
        22,
        443,
    ]
    assert Port.objects.only("port", "host_id", "protocol").get(port=22).note.title == "Shell"
    assert copy.note.title == "Shell"


def test_updates_reach_through_the_join_but_never_across_it(ports):
    Port.objects.filter(note__owner="ops").update(process_name="renamed")

    assert PortRuntime.objects.get(process_name="renamed").port == 22
    assert PortNote.objects.filter(owner="ops").count() == 2


def test_deleting_a_note_keeps_the_fact(ports):
    PortNote.objects.all().delete()

    assert PortRuntime.objects.count() == 5


def test_deleting_facts_keeps_the_notes(ports):
    Port.objects.filter(note__isnull=False).delete()
    PortRuntime.objects.all().delete()

    assert PortNote.objects.count() == 4


def test_the_mirror_finds_notes_about_ports_never_seen(ports):
    never_seen = Memory.objects.filter(runtime__isnull=True)

    assert sorted(note.title for note in never_seen) == ["Another host", "Never seen"]
    assert Memory.objects.select_related("runtime").get(port=22).runtime.process_name == "sshd"
    prefetched = Memory.objects.prefetch_related("runtime").get(port=443)
    assert prefetched.runtime.port == 443


def test_the_join_is_no_part_of_a_dump(ports):
    text = serializers.serialize("json", Port.objects.filter(port=22))

    assert '"note"' not in text


# A note for every host stands in where a port has none of its own.


@pytest.fixture
def fleet(open_port, write_note):
    """Two hosts: of 22 one has a note of its own, of 80 none has, and of 443 nobody speaks."""
    for host_id in ("atlas", "other"):
        for number in (22, 80, 443):
            open_port(number, host_id=host_id)
    open_port(80, protocol="udp")
    write_note(22, host_id="*", title="Shell", owner="ops")
    write_note(22, title="Bastion", owner="")
    write_note(80, host_id="*", title="Web", owner="web", risk_level="trusted")
    write_note(9000, host_id="*", title="Nowhere")


TITLES = [
    (("atlas", "tcp", 22), "Bastion"),
    (("atlas", "tcp", 80), "Web"),
    (("atlas", "tcp", 443), None),
    (("atlas", "udp", 80), None),
    (("other", "tcp", 22), "Shell"),
    (("other", "tcp", 80), "Web"),
    (("other", "tcp", 443), None),
]


def test_the_own_note_is_preferred_to_the_one_for_every_host(fleet, django_assert_num_queries):
    ports = Port.objects.order_by("host", "protocol", "port")

    with django_assert_num_queries(1):
        joined = [
            ((port.host_id, *port.key), port.note and port.note.title)
            for port in ports.select_related("note")
        ]

    assert joined == TITLES
    assert [((port.host_id, *port.key), port.note and port.note.title) for port in ports] == TITLES
    assert [
        (tuple(row[:3]), row[3])
        for row in ports.values_list("host_id", "protocol", "port", "note__title")
    ] == TITLES


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            Q(note__isnull=True),
            [("atlas", 80, "udp"), ("atlas", 443, "tcp"), ("other", 443, "tcp")],
        ),
        (Q(note__title="Shell"), [("other", 22, "tcp")]),
        (Q(note__owner="ops"), [("other", 22, "tcp")]),
        (Q(note__owner=""), [("atlas", 22, "tcp")]),
        (Q(note__title="Web"), [("atlas", 80, "tcp"), ("other", 80, "tcp")]),
        (Q(note__host_id="*"), [("atlas", 80, "tcp"), ("other", 22, "tcp"), ("other", 80, "tcp")]),
        (Q(note__title="Nowhere"), []),
    ],
)
def test_conditions_look_at_the_note_that_speaks(fleet, condition, expected):
    everything = {(port.host_id, port.port, port.protocol) for port in Port.objects.all()}

    def keys(ports):
        return sorted((port.host_id, port.port, port.protocol) for port in ports)

    assert keys(Port.objects.filter(condition)) == expected
    assert keys(Port.objects.exclude(condition)) == sorted(everything - {*expected})
    assert Port.objects.filter(condition).count() == len(expected)


def test_a_port_is_one_row_however_many_notes_could_speak(fleet):
    assert Port.objects.select_related("note").count() == 7
    assert Port.objects.filter(Q(note__isnull=True) | Q(note__isnull=False)).count() == 7
    assert len(Port.objects.select_related("note")) == 7
    assert Port.objects.aggregate(n=Count("note"))["n"] == 4
    noted = Port.objects.order_by().values_list("note__title").annotate(Count("pk"))
    assert dict(noted) == {"Bastion": 1, "Shell": 1, "Web": 2, None: 3}


def test_without_its_own_note_a_port_inherits_again(fleet):
    PortNote.objects.get(title="Bastion").delete()

    port = Port.objects.get(host_id="atlas", port=22)

    assert (port.note.title, port.note.speaks_for_every_host) == ("Shell", True)


def test_updates_and_subqueries_go_by_the_note_that_speaks(fleet):
    Port.objects.filter(note__owner="ops").update(process_name="renamed")

    shared = Port.objects.filter(note__in=PortNote.objects.filter(host_id="*"))

    assert PortRuntime.objects.get(process_name="renamed").host_id == "other"
    assert shared.count() == 3


def test_the_join_finds_both_notes_by_the_index_of_the_key(fleet):
    ports = Port.objects.order_by().select_related("note").filter(port=22)

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # or a table so small is just read
    plan = ports.explain()

    assert "SCAN notes_portnote" not in plan
    assert "Seq Scan on notes_portnote" not in plan
