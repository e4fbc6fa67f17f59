"""Rules, channels and the log in the admin: who sees what, and that no secret comes out."""

import json
from datetime import time, timedelta

import pytest
import time_machine
from django.contrib.contenttypes.models import ContentType

from portatlas.notifications import trial
from portatlas.notifications.models import Channel, Delivery, Matter, Rule
from portatlas.notifications.vault import seal, unseal
from tests.conftest import NOON
from tests.portatlas import receivers

pytestmark = pytest.mark.django_db

SECRET = "correct horse battery staple"
CHANNEL = {"name": "Ops", "is_enabled": "on", "priority": "3", "tags": ""}
ITEM = {"name": "80/tcp on atlas", "host": "atlas", "protocol": "tcp", "port": 80}
RULE = {
    "name": "New ports",
    "kind": "new_port",
    "is_enabled": "on",
    "minutes": "0",
    "digest": "0",
    "time_zone": "UTC",
}


@pytest.fixture
def make_channel(settings):
    """Return a function that makes a webhook."""

    def make_channel(address="https://hooks.example.org/", **fields):
        name = fields.pop("name", f"Channel {Channel.objects.count()}")
        sealed = seal(SECRET, [settings.SECRET_KEY])
        return Channel.objects.create(
            name=name, kind="webhook", address=address, sealed=sealed, **fields
        )

    return make_channel


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        # Session, user, count, rows.
        ("/admin/notifications/channel/", 5),
        # ... and the channels of the rules.
        ("/admin/notifications/rule/", 6),
        # ... the hierarchy of dates, and the rules and channels of the filters.
        ("/admin/notifications/delivery/", 8),
        ("/admin/notifications/channel/{channel}/change/", 4),
        # ... the channels that there are, and those of the rule.
        ("/admin/notifications/rule/{rule}/change/", 6),
        ("/admin/notifications/delivery/{delivery}/change/", 4),
        # Session, user, rule; the count of ports, and ports with their notes.
        ("/admin/notifications/rule/{rule}/preview/", 5),
    ],
)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, make_channel, open_port, django_assert_num_queries
):
    for number in range(count):
        open_port(1000 + number)
        channel = make_channel()
        rule = Rule.objects.create(name=f"Rule {number}", kind="unnoted")
        rule.channels.set(Channel.objects.all())
        delivery = Delivery.objects.create(
            rule=rule,
            channel=channel,
            channel_name=channel.name,
            subject="x",
            body="y",
            document={"total": 1, "items": [ITEM]},
            created_at=NOON,
            ready_at=NOON,
        )
    ContentType.objects.clear_cache()
    address = address.format(rule=rule.pk, channel=channel.pk, delivery=delivery.pk)

    with django_assert_num_queries(queries):
        response = admin_client.get(address)

    assert response.status_code == 200
    assert SECRET not in response.text


@pytest.mark.parametrize(
    ("group", "sees"),
    [
        ("viewer", [403, 403, 403, 403]),
        ("annotator", [200, 200, 200, 403]),
        ("admin", [200, 200, 200, 200]),
    ],
)
def test_who_sees_what(group, sees, member, make_channel):
    rule = Rule.objects.create(name="Rule", kind="unnoted")
    channel = make_channel()
    pages = [
        f"rule/{rule.pk}/change/",
        f"rule/{rule.pk}/preview/",
        "delivery/",
        f"channel/{channel.pk}/change/",
    ]
    client = member(group)

    assert [client.get(f"/admin/notifications/{page}").status_code for page in pages] == sees


@pytest.mark.parametrize(("group", "status"), [("viewer", 403), ("annotator", 403), ("admin", 302)])
def test_who_may_try_a_rule(group, status, member):
    rule = Rule.objects.create(name="Rule", kind="unnoted")

    response = member(group).post(f"/admin/notifications/rule/{rule.pk}/try/")

    assert response.status_code == status


@pytest.mark.parametrize("page", ["rule/{}/try/", "channel/{}/try/"])
def test_nothing_is_tried_by_a_link(page, admin_client, make_channel):
    Rule.objects.create(pk=1, name="Rule", kind="unnoted")
    make_channel(pk=1)

    assert admin_client.get(f"/admin/notifications/{page.format(1)}").status_code == 405
    assert not Delivery.objects.exists()


def test_a_rule_is_tried_and_its_outcome_is_shown_at_once(admin_client, make_channel, settings):
    settings.PORTATLAS_WEBHOOKS_PRIVATE = True
    rule = Rule.objects.create(name="The rule", kind="unnoted")
    answers = {"/good": 200, "/bad": 500}
    with receivers.http(lambda post: answers[post.path]) as (url, posts):
        for path in answers:
            rule.channels.add(make_channel(f"{url}{path}", name=path))
        response = admin_client.post(f"/admin/notifications/rule/{rule.pk}/try/", follow=True)

    host = url.removeprefix("http://")
    told = [str(message) for message in response.context["messages"]]
    assert told == [f"/bad: {host} answered 500.", "/good: the test has arrived."]
    document = json.loads(posts[0].body)
    assert (document["event"], document["rule"]["name"]) == ("test", "The rule")
    assert document["subject"] == "[Port Atlas] A test of The rule"
    assert "Nothing was seen yet that it may be about." in document["text"]
    ended = Delivery.objects.order_by("channel_name").values_list("status", "is_test", "attempts")
    assert list(ended) == [("given_up", True, 1), ("delivered", True, 1)]


@pytest.fixture
def try_it(admin_client, make_channel, settings):
    """Return a function that tries a rule and returns the document that a webhook gets."""
    settings.PORTATLAS_WEBHOOKS_PRIVATE = True

    def try_it(rule):
        with receivers.http() as (url, posts):
            rule.channels.add(make_channel(url))
            admin_client.post(f"/admin/notifications/rule/{rule.pk}/try/")
        return json.loads(posts[0].body)

    return try_it


def test_a_test_of_a_rule_is_a_message_of_it_marked_as_a_test(try_it, open_port, settings):
    settings.PORTATLAS_URL = "https://atlas.example.org"
    rule = Rule.objects.create(name="The rule", kind="unnoted")
    open_port(80, process_name="nginx")

    document = try_it(rule)

    page = f"https://atlas.example.org/admin/notifications/rule/{rule.pk}/change/"
    assert document["text"].splitlines() == [
        "Test: 1 unnoted port.",
        "This is a test. The rule would tell this now.",
        "",
        "- 80/tcp on atlas: nginx, open to everywhere",
        "  https://atlas.example.org/ports/atlas/tcp/80/",
        "",
        "Rule: The rule",
        f"  {page}",
    ]
    assert document["subject"] == "[Port Atlas] Test: 1 unnoted port: 80/tcp on atlas"
    assert (document["event"], document["rule"]["url"]) == ("test", page)
    assert [item["port"] for item in document["items"]] == [80]


@pytest.mark.parametrize(
    ("kind", "what", "said"),
    [
        ("new_port", "Test: 1 new port.", "- 80/tcp on atlas: nginx, open to everywhere"),
        ("suspicious", "Test: 1 suspicious port.", "- 80/tcp on atlas: nginx, open to everywhere"),
        ("ghost", "Test: 1 missing port.", "- 443/tcp on atlas: gone, held by sshd before"),
        (
            "owner_changed",
            "Test: 1 port with another owner.",
            "- 80/tcp on atlas: another program → nginx",
        ),
        (
            "silent",
            "Test: 1 silent collector.",
            "- atlas: nothing was seen since 2026-01-01 12:00:00 UTC",
        ),
    ],
)
def test_a_test_of_a_rule_that_has_nothing_to_tell_has_an_example(
    kind, what, said, try_it, open_port
):
    open_port(80, process_name="nginx")
    open_port(443, gone=True)

    text = try_it(Rule.objects.create(name="The rule", kind=kind))["text"]

    assert text.splitlines() == [
        what,
        f"{trial.EXAMPLE} Messages have links once PORTATLAS_URL is set.",
        "",
        said,
        "",
        "Rule: The rule",
    ]


def test_a_channel_is_tried_alone(admin_client, make_channel, settings):
    settings.PORTATLAS_WEBHOOKS_PRIVATE = True
    with receivers.http() as (url, posts):
        channel = make_channel(url)
        admin_client.post(f"/admin/notifications/channel/{channel.pk}/try/")

    assert len(posts) == 1


def test_a_private_target_is_refused_with_what_to_do(admin_client, make_channel):
    with receivers.http() as (url, posts):
        channel = make_channel(url)
        response = admin_client.post(f"/admin/notifications/channel/{channel.pk}/try/", follow=True)

    assert "Set PORTATLAS_WEBHOOKS_PRIVATE=true" in response.text
    assert posts == []


def write_channel(client, pk=None, **fields):
    address = f"/admin/notifications/channel/{f'{pk}/change' if pk else 'add'}/"
    return client.post(address, CHANNEL | fields)


def test_a_secret_goes_in_encrypted_and_never_comes_out(admin_client, settings):
    write_channel(admin_client, kind="webhook", address="https://example.org/", secret=SECRET)

    channel = Channel.objects.get()
    page = admin_client.get(f"/admin/notifications/channel/{channel.pk}/change/").text
    history = admin_client.get(f"/admin/notifications/channel/{channel.pk}/history/").text
    assert unseal(channel.sealed, [settings.SECRET_KEY]) == SECRET
    assert SECRET not in channel.sealed + page + history
    assert channel.sealed not in page


def test_an_empty_secret_leaves_it_as_it_is(admin_client, make_channel, settings):
    channel = make_channel(name="Ops")

    write_channel(
        admin_client, channel.pk, kind="webhook", address="https://example.org/2", secret=""
    )

    channel.refresh_from_db()
    assert channel.address == "https://example.org/2"
    assert unseal(channel.sealed, [settings.SECRET_KEY]) == SECRET


def test_a_token_of_ntfy_goes_nowhere_but_where_it_was_entered_for(admin_client):
    write_channel(admin_client, kind="ntfy", address="https://ntfy.sh/a", secret="tk_1")
    channel = Channel.objects.get()
    had = bool(channel.sealed)

    write_channel(admin_client, channel.pk, kind="ntfy", address="https://evil.example.org/a")

    channel.refresh_from_db()
    assert (had, channel.address, channel.sealed) == (True, "https://evil.example.org/a", "")


def test_a_token_can_be_forgotten(admin_client):
    write_channel(admin_client, kind="ntfy", address="https://ntfy.sh/a", secret="tk_1")
    channel = Channel.objects.get()

    write_channel(admin_client, channel.pk, kind="ntfy", address="https://ntfy.sh/a", forget="on")

    channel.refresh_from_db()
    assert channel.sealed == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "webhook", "address": "https://example.org/"}, "needs a secret"),
        ({"kind": "webhook", "address": "x", "secret": SECRET}, "Only http:// and https://"),
        ({"kind": "webhook", "address": "http://a:b@c/", "secret": SECRET}, "Credentials"),
        ({"kind": "webhook", "address": "https://example.org/", "secret": "short"}, "16 char"),
        ({"kind": "ntfy", "address": "https://ntfy.sh/"}, "The topic is missing"),
        ({"kind": "email", "address": ""}, "valid email"),
        ({"kind": "email", "address": "a@b.org\r\nBcc: c@d.org"}, "valid email"),
        ({"kind": "email", "address": ",".join(["a@b.org"] * 21)}, "At most 20"),
        ({"kind": "apprise", "address": ""}, "needs a secret"),
        ({"kind": "apprise", "address": "json://x", "secret": "json://x"}, "is its secret"),
        ({"kind": "pigeon", "address": ""}, "not one of the available choices"),
        ({"kind": "ntfy", "address": "https://ntfy.sh/a\x00"}, "Null characters"),
        ({"kind": "ntfy", "address": "https://ntfy.sh/a", "tags": "a b"}, "Like warning"),
        ({"kind": "ntfy", "address": "https://ntfy.sh/a", "priority": "9"}, "less than or equal"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_with_the_reason(fields, said, admin_client):
    response = write_channel(admin_client, **fields)

    assert (response.status_code, Channel.objects.count()) == (200, 0)
    assert said in response.text


def test_without_apprise_it_is_said_how_to_install_it(admin_client, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)

    response = write_channel(admin_client, kind="apprise", address="", secret="json://x")

    assert "uv sync --extra notify" in response.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quiet_from": "22:00"}, "Quiet hours need a beginning and an end."),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "They end at another time"),
        ({"time_zone": "Europe/Atlantis"}, "This is no time zone"),
        ({"time_zone": "../../etc/passwd"}, "This is no time zone"),
        ({"kind": "silent", "tag": "prod"}, "it has neither tag nor reach"),
        ({"kind": "unnoted", "tag": "prod"}, "What has no note has no tags."),
        ({"tag": "No Tag!"}, "is no tag"),
        ({"host_id": "a b"}, "the name of a host"),
        ({"minutes": "99999"}, "less than or equal to 10080"),
        ({"minutes": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_reason(fields, said, admin_client):
    response = admin_client.post("/admin/notifications/rule/add/", RULE | fields)

    assert (response.status_code, Rule.objects.count()) == (200, 0)
    assert said in response.text.replace("&#x27;", "'")


def write_rule(client, pk=None, **fields):
    address = f"/admin/notifications/rule/{f'{pk}/change' if pk else 'add'}/"
    response = client.post(address, RULE | fields)
    assert (response.status_code, "login" in response["Location"]) == (302, False)
    return Rule.objects.get()


def test_a_rule_is_about_what_happens_from_when_it_is_written(admin_client):
    with time_machine.travel(NOON, tick=False):
        rule = write_rule(admin_client, quiet_from="22:00", quiet_until="07:00")

    assert (rule.since, rule.basis) == (NOON, "")


@pytest.mark.parametrize(
    ("fields", "begins_anew"),
    [({"digest": "5"}, False), ({"name": "Other"}, False), ({"scope": "any"}, True)],
)
def test_a_rule_begins_anew_when_it_is_about_something_else(
    fields, begins_anew, admin_client, add_host
):
    rule = write_rule(admin_client)
    Rule.objects.update(basis="x", last_event=7, told_at=NOON)
    Matter.objects.create(rule=rule, host=add_host(), status="waiting", since=NOON, ready_at=NOON)

    later = rule.since + timedelta(hours=1)
    with time_machine.travel(later, tick=False):
        write_rule(admin_client, rule.pk, **fields)

    rule.refresh_from_db()
    anew = (rule.since == later, rule.basis, rule.matters.count())
    assert anew == ((True, "", 0) if begins_anew else (False, "x", 1))
    assert rule.told_at == NOON


def test_a_preview_shows_what_a_rule_would_tell_now(admin_client, open_port, write_note):
    rule = Rule.objects.create(name="Rule", kind="unnoted")
    for number in range(12):
        open_port(1000 + number, process_name="<script>alert(1)</script>")
    open_port(2000)
    write_note(2000)

    text = admin_client.get(f"/admin/notifications/rule/{rule.pk}/preview/").text

    assert "12 ports fit." in text
    assert "<b>1000/tcp on atlas</b>" in text
    assert "… and 2 more." in text
    assert "<script>alert" not in text


def test_the_list_of_rules_says_in_words_when_and_whom_they_tell(admin_client, make_channel):
    rule = Rule.objects.create(
        name="Rule",
        kind="ghost",
        host_id="atlas",
        tag="prod",
        scope="private",
        minutes=5,
        digest=30,
        quiet_from=time(22),
        quiet_until=time(7),
        tells_recovery=True,
    )
    rule.channels.set([make_channel(name="Ops"), make_channel(name="Pager", is_enabled=False)])
    Rule.objects.create(name="To nobody", kind="unnoted")

    text = admin_client.get("/admin/notifications/rule/").text

    assert (
        "on atlas, with the tag prod, open to private networks, or wider, for at least 5 min, "
        "collected for 30 min, not from 22:00 to 07:00 (UTC), and when it is over<"
    ) in text
    assert "Ops, Pager (off)<" in text
    assert "on every host<" in text
    assert "none: everything waits for one<" in text


def test_the_log_leads_to_the_rule_and_to_what_it_was_about(admin_client, open_port):
    rule = Rule.objects.create(name="Rule", kind="unnoted")
    fields = {"subject": "x", "body": "y", "created_at": NOON, "ready_at": NOON}
    items = [ITEM | {"name": f"{port}/tcp on atlas", "port": port} for port in range(80, 90)]
    Delivery.objects.create(
        rule=rule, rule_name="Rule", document={"total": 12, "items": items}, **fields
    )
    host = {"name": "atlas", "host": "atlas"}
    Delivery.objects.create(rule_name="Gone", document={"total": 1, "items": [host]}, **fields)

    text = admin_client.get("/admin/notifications/delivery/").text

    assert '<a href="/ports/atlas/tcp/82/">82/tcp on atlas</a> and 9 more<' in text
    assert "83/tcp" not in text
    assert '<a href="/hosts/atlas/">atlas</a><' in text
    assert f'<a href="/admin/notifications/rule/{rule.pk}/change/">Rule</a><' in text
    assert ">Gone<" in text


def test_a_rule_goes_with_its_matters_and_leaves_the_log(member, make_channel, open_port):
    rule = Rule.objects.create(name="Rule", kind="unnoted")
    port = open_port(80)
    Matter.objects.create(
        rule=rule, host=port.host, port_id=port.pk, status="told", since=NOON, ready_at=NOON
    )
    delivery = Delivery.objects.create(
        rule=rule, rule_name="Rule", subject="x", body="y", created_at=NOON, ready_at=NOON
    )

    response = member("admin").post(f"/admin/notifications/rule/{rule.pk}/delete/", {"post": "yes"})

    delivery.refresh_from_db()
    assert (response.status_code, Rule.objects.count(), Matter.objects.count()) == (302, 0, 0)
    assert (delivery.rule, delivery.rule_name) == (None, "Rule")


def test_the_log_is_read_only(admin_client, make_channel):
    delivery = Delivery.objects.create(
        channel=make_channel(), subject="x", body="y", created_at=NOON, ready_at=NOON
    )

    for page in ("add/", f"{delivery.pk}/delete/"):
        assert admin_client.post(f"/admin/notifications/delivery/{page}").status_code == 403
