"""Ports and notes for a browser to look at: few, many, of every state, and hostile."""

from copy import copy
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    SolarSchedule,
)

from collector.models import Coverage, HostEvent, PortEvent, PortRuntime, Transient
from portatlas.contexts.reservations import services as reservations
from portatlas.contexts.reservations.models import AllocationRule, Reservation
from portatlas.notifications.models import Channel, Delivery, Rule
from portatlas.tokens import services as tokens

LONG = "a-name-without-a-place-to-break-" * 8


class Fleet:
    """Records what a page is to show."""

    def __init__(self, add_host, open_port, write_note):
        self.add_host = add_host
        self.open_port = open_port
        self.write_note = write_note
        self.now = timezone.now()

    def nothing(self):
        """Before the first look."""

    def quiet_host(self):
        self.host()

    def one_port(self):
        self.host()
        return self.port(22)

    def thirty_ports(self):
        """Every state, every fault and hostile names on one host."""
        self.host()
        self.every_state(1000)
        self.hostile_ports(2000)
        for number in range(3000, 3019):
            self.port(number, cmdline=f"/usr/bin/server --port {number}")
        self.write_note(9000, host_id="atlas", title="Backup target")

    def five_hundred_ports(self):
        """Five full pages, and a few more."""
        self.every_state(1000)
        self.many(500)

    def every_kind(self):
        self.every_state(1000)

    def stale_note(self):
        self.one_port()
        self.write_note(22, review_by=self.now - timedelta(days=40))

    def note_for_every_host(self):
        """A note that speaks for two hosts."""
        for host_id in ("atlas", "borealis"):
            self.port(22, host_id=host_id)
        self.write_note(22, host_id="*", title="SSH", owner="ops", description="Keys *only*.")

    def three_hosts(self):
        """One well, one that was not seen for long, one that failed; with news."""
        self.host()
        self.every_state(1000)
        self.host("silent", last_look_at=self.now - timedelta(days=2), owners_seen="none")
        self.host("failing.example.org", verdict="failed", reason="ss gave no answer within 10 s.")
        for host_id in ("silent", "failing.example.org"):
            port = self.port(22, host_id=host_id)
            HostEvent.objects.create(
                host=port.host, event_type="rebooted", timestamp=self.now, detail="As a test."
            )

    def storied_port(self):
        """A port with a note, many ends and every kind of event."""
        port = self.port(
            443,
            process_name="nginx",
            cmdline=f"nginx --config /etc/{LONG}",
            exe="/usr/sbin/nginx",
            user="www-data",
            unit="nginx.service",
            container_name="shop-web-1",
            image="nginx:1.27",
            current_pid=4242,
            pids=[4242, 4243],
            backlog=120,
            backlog_limit=128,
        )
        self.write_note(443, title="Shop front", owner="web team", tags=["prod", "shop"])
        self.open_port(443, protocol="udp", process_name="nginx")
        kinds = ["appeared", "alive", "rebound", "disappeared", "appeared", "rebound"]
        changes: dict[str, Any] = {"program": ["caddy", "nginx"], "cmdline": ["caddy run", LONG]}
        for hours, kind in enumerate(reversed(kinds)):
            PortEvent.objects.create(
                port_runtime=port,
                event_type=kind,
                timestamp=self.now - timedelta(hours=hours),
                pid=4242,
                changes=changes if kind == "rebound" else {},
            )
        HostEvent.objects.create(host=port.host, event_type="rebooted", timestamp=self.now)
        return port

    def reserved_ports(self):
        """Ports of projects: used, held by somebody else, unused for long, for every host."""
        self.port(8080, process_name="python3", user="bob")
        self.port(8081, process_name="gunicorn", unit="shop.service")
        self.port(9000, host_id="beta", process_name=LONG[:255])
        two_days, long_ago = timedelta(days=2), self.now - timedelta(days=50)
        terms = {"description": LONG, "expires_at": self.now + two_days, "tags": ["prod"]}
        self.reserve(8080, process_name="nginx", user="www-data", **terms)
        self.reserve(8081)
        self.reserve(8082, at=long_ago)
        self.reserve(9000, host_id="*", project=LONG[:100], process_name=LONG[1:255])
        self.reserve(9001, host_id="beta", project="blog: 2 @home", auto_release=True)
        AllocationRule.objects.create(project="shop", first=8080, last=8099)

    def one_of_each(self):
        """A row in every table that the admin shows."""
        port = self.storied_port()
        Coverage.objects.create(host=port.host, started_at=self.now, ended_at=self.now)
        Transient.objects.create(
            host=port.host, protocol="tcp", port=8080, opened_at=self.now, closed_at=self.now
        )
        Group.objects.get_or_create(name="readers")
        ClockedSchedule.objects.create(clocked_time=self.now)
        CrontabSchedule.objects.create()
        SolarSchedule.objects.create(event="sunrise", latitude=52, longitude=13)
        tokens.make(User.objects.first(), name="Grafana", scopes=["read"], at=self.now)
        Channel.objects.create(name="On call", kind="email", address="ops@example.org")
        Rule.objects.create(name="Ghosts", kind="ghost")
        self.reserve(9000, description=LONG)
        AllocationRule.objects.create(project="shop", first=9000, last=9099)
        Delivery.objects.create(
            rule_name="Ghosts",
            channel_name="On call",
            subject="80/tcp is missing",
            body="80/tcp on atlas",
            created_at=self.now,
            ready_at=self.now,
        )

    def every_state(self, number):
        self.port(number, owner_state="unknown", process_name="")  # suspicious
        self.port(number + 1, transition_4_at=self.now - timedelta(minutes=5))  # flapping
        self.port(number + 2, gone=True, last_disappeared_at=self.now)  # ghost
        self.port(number + 3)  # unnoted
        self.port(number + 4)  # known
        self.port(number + 5)  # healthy
        self.port(number + 6, gone=True, last_disappeared_at=self.now)
        self.write_note(number + 2, risk_level="trusted", owner="alice")
        self.write_note(number + 4, risk_level="expected", tags=["prod", "web"])
        self.write_note(number + 5, risk_level="trusted")

    def many(self, count):
        """Ports that are alike, in one statement."""
        first = self.port(3000)
        others = [copy(first) for _ in range(count - 1)]
        for number, other in enumerate(others, start=3001):
            other.pk, other.port = None, number
        PortRuntime.objects.bulk_create(others)

    def hostile_ports(self, number):
        self.port(number, process_name=LONG[:255], cmdline=LONG, user=LONG[:255])
        self.port(number + 1, container_name=LONG[:255], image=LONG[:255], unit=LONG[:255])
        self.port(number + 2, exe_is_deleted=True, backlog=128, backlog_limit=128)
        self.port(number + 3, process_name="<script>alert(1)</script>", cmdline='"><img src=x>')
        self.write_note(number + 1, title=LONG[:200], owner=LONG[:100], tags=["x" * 50, "y" * 50])

    def host(self, host_id="atlas", **fields):
        # However long a test takes, nobody falls silent in it.
        defaults = {"last_look_at": self.now, "last_sweep_at": self.now, "sweep_interval": 3600}
        return self.add_host(host_id, **defaults | fields)

    def reserve(self, port, *, host_id="atlas", project="shop", at=None, **terms):
        wanted = Reservation(host_id=host_id, port=port, project=project, **terms)
        return reservations.reserve(wanted, by=reservations.Actor("alice"), at=at or self.now)

    def port(self, number, **fields):
        self.host(fields.get("host_id", "atlas"))
        defaults = {
            "first_seen_at": self.now - timedelta(days=9),
            "last_seen_at": self.now,
            "active_since": self.now - timedelta(hours=2),
        }
        return self.open_port(number, **defaults | fields)
