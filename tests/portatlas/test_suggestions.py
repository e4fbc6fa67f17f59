"""What a note could say: from evidence that strangers may have chosen."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes import tags
from notes.models import PortNote
from portatlas import programs
from portatlas.models import Port
from portatlas.suggestions import Suggestion, suggest

TEXTS = [
    *("process_name", "exe", "cmdline", "user", "role", "unit", "socket_unit", "container_name"),
    *("image", "compose_service", "well_known", "protocol", "scope"),
]
FACTS = dict.fromkeys(TEXTS, "") | {"port": 80, "protocol": "tcp", "scope": "any", "role": "server"}


def of(**fields):
    return suggest(SimpleNamespace(**FACTS | fields))


def said(**fields):
    suggestion = of(**fields)
    return suggestion.title, suggestion.service_type, suggestion.evidence


@pytest.mark.parametrize(
    ("image", "title", "service_type"),
    [
        ("postgres", "PostgreSQL", "db"),
        ("postgres:17", "PostgreSQL", "db"),
        ("docker.io/library/postgres:17-alpine@sha256:0a", "PostgreSQL", "db"),
        ("localhost:5000/bitnami/redis", "Redis", "cache"),
        ("vaultwarden/server:latest", "Vaultwarden", "web"),
        ("ghcr.io/ann/shop-api:3", "shop-api", "unknown"),
        ("localhost:5000/app", "app", "unknown"),
        ("quay.io/prometheuscommunity/postgres-exporter", "postgres-exporter", "monitoring"),
    ],
)
def test_an_image_tells_what_a_container_runs(image, title, service_type):
    assert said(image=image) == (title, service_type, f"the image {image}")


@pytest.mark.parametrize("image", ["0123456789ab", "sha256:0123456789ab", "/", ":", "@"])
def test_an_image_without_a_name_tells_nothing(image):
    assert said(image=image) == ("", "unknown", "")


@pytest.mark.parametrize(
    ("service", "title", "service_type"),
    [
        ("shop/redis", "Redis", "cache"),
        ("shop/db", "shop/db", "db"),
        ("shop/worker", "shop/worker", "unknown"),
        ("web", "web", "web"),
    ],
)
def test_a_compose_service_tells_whose_it_is(service, title, service_type):
    expected = (title, service_type, f"the compose service {service}")

    assert said(compose_service=service) == expected


@pytest.mark.parametrize(
    ("unit", "title", "service_type"),
    [
        ("nginx.service", "nginx", "web"),
        ("postgresql@15-main.service", "PostgreSQL", "db"),
        ("wg-quick@wg0.service", "WireGuard", "tunnel"),
        ("php8.2-fpm.service", "PHP-FPM", "web"),
        ("snap.prometheus.daemon.service", "Prometheus", "monitoring"),
        ("shop.service", "shop", "unknown"),
    ],
)
def test_a_unit_tells_what_the_administrator_calls_it(unit, title, service_type):
    assert said(unit=unit) == (title, service_type, f"the unit {unit}")


@pytest.mark.parametrize(
    "unit",
    ["user@1000.service", "cron.service", "docker.service", "ssh.service", "run-u12.service"],
)
def test_a_unit_that_starts_anything_tells_nothing(unit):
    suggestion = of(unit=unit, exe="/usr/bin/iperf3", process_name="iperf3")

    assert (suggestion.title, suggestion.evidence) == ("iperf", "the process iperf3")
    assert suggestion.tags == []


def test_a_socket_of_systemd_is_named_after_its_unit():
    socket = {"role": "socket_unit", "exe": "/lib/systemd/systemd", "process_name": "systemd"}

    assert said(**socket, socket_unit="ssh.socket") == ("OpenSSH", "remote", "the unit ssh.socket")


@pytest.mark.parametrize(
    ("process_name", "exe", "title", "service_type", "name"),
    [
        ("sshd", "/usr/sbin/sshd", "OpenSSH", "remote", "sshd"),
        ("postgres", "/usr/lib/postgresql/15/bin/postgres", "PostgreSQL", "db", "postgres"),
        ("php-fpm8.2", "/usr/sbin/php-fpm8.2", "PHP-FPM", "web", "php-fpm8.2"),
        ("systemd-resolve", "", "systemd-resolved", "dns", "systemd-resolve"),
        ("node_exporter", "", "Node exporter", "monitoring", "node_exporter"),
        ("nginx", "/home/ann/backdoor", "backdoor", "unknown", "backdoor"),
        ("nfsd", "", "NFS", "files", "nfsd"),
    ],
)
def test_a_process_is_named_after_its_file_and_else_by_itself(
    process_name, exe, title, service_type, name
):
    expected = (title, service_type, f"the process {name}")

    assert said(process_name=process_name, exe=exe) == expected


@pytest.mark.parametrize(
    ("exe", "cmdline", "title", "service_type", "evidence"),
    [
        ("python3.11", "python3 -m http.server", "http.server", "web", "the module http.server"),
        (
            "python3",
            "python3 -W error -u -m shop.server",
            "shop",
            "unknown",
            "the module shop.server",
        ),
        ("python3", "python3 /srv/shop/main.py -m x", "shop", "unknown", "the script main.py"),
        ("python3", "python3 '/srv/my shop/app.py'", "my shop", "unknown", "the script app.py"),
        ("python3", "python3 /home/ann/server.py", "server.py", "unknown", "the script server.py"),
        (
            "python3",
            "python3 manage.py runserver",
            *("Django development server", "test", "the script manage.py"),
        ),
        (
            "python3",
            "/usr/bin/python3 /usr/bin/gunicorn -b 0.0.0.0:80 shop.wsgi:application",
            *("shop", "web", "the application shop.wsgi:application and the script gunicorn"),
        ),
        (
            "python3",
            "gunicorn: master [shop.wsgi:app]",
            *("shop", "web"),
            "the application shop.wsgi:app and what python calls itself, gunicorn",
        ),
        (
            "python3",
            "python3 /usr/bin/gunicorn shop.wsgi --worker-class gthread",
            *("shop", "web", "the application shop.wsgi and the script gunicorn"),
        ),
        ("python3", "python3 -m uvicorn main:app", "uvicorn", "web", "the module uvicorn"),
        (
            "java",
            "java -Xmx1g -cp /a:/b -jar /opt/shop-1.2.jar",
            "shop",
            "unknown",
            "the archive shop-1.2.jar",
        ),
        (
            "java",
            "java -cp x org.apache.catalina.startup.Bootstrap start",
            *("Tomcat", "web", "the class org.apache.catalina.startup.Bootstrap"),
        ),
        ("node", "node --require x /app/dist/shop.js", "shop", "unknown", "the script shop.js"),
        ("node", "node /srv/blog/server.js", "blog", "unknown", "the script server.js"),
        ("ruby", "puma 6.4.2 (tcp://0.0.0.0:3000)", "puma", "web", "what ruby calls itself, puma"),
        (
            "php8.2",
            "php -S 0.0.0.0:8000 -t x",
            "PHP development server",
            "test",
            "the command php -S",
        ),
        ("bash", "/bin/bash /opt/shop/start.sh", "shop", "unknown", "the script start.sh"),
        ("dotnet", "dotnet exec /srv/Shop.dll", "Shop", "unknown", "the script Shop.dll"),
    ],
)
def test_an_interpreter_is_named_after_what_it_runs(exe, cmdline, title, service_type, evidence):
    suggestion = said(exe=f"/usr/bin/{exe}", process_name=exe, cmdline=cmdline)

    assert suggestion == (title, service_type, evidence)


@pytest.mark.parametrize(
    ("exe", "cmdline"),
    [
        ("python3.11", "python3"),
        ("python3.11", "python3 -c 'import shop'"),
        ("python3.11", "python3 -m"),
        ("node", "node -e 'listen()'"),
        ("java", "java -cp /a"),
        ("bash", "-bash"),
        ("busybox", ""),
    ],
)
def test_an_interpreter_that_runs_nothing_with_a_name_gives_no_title(exe, cmdline):
    assert said(exe=f"/usr/bin/{exe}", process_name=exe, cmdline=cmdline) == ("", "unknown", "")


def test_a_process_that_the_kernel_named_after_its_script_keeps_that_name():
    assert of(exe="/usr/bin/python3.11", process_name="glances").title == "Glances"


def test_the_most_trusted_evidence_gives_the_title_and_the_next_known_the_type():
    expected = ("shop", "web", "the unit shop.service and the process nginx")

    assert said(unit="shop.service", exe="/usr/sbin/nginx") == expected
    assert said(image="postgres:17", unit="nginx.service")[2] == "the image postgres:17"


def test_what_passes_connections_on_is_not_what_answers():
    proxy = {"role": "proxy", "process_name": "docker-proxy", "unit": "docker.service"}

    assert said(**proxy) == ("", "unknown", "")
    assert said(**proxy, container_name="redis-1") == ("Redis", "cache", "the container redis-1")


def test_a_forward_of_ssh_is_no_ssh_server():
    tunnel = {"role": "tunnel", "process_name": "sshd", "exe": "/usr/sbin/sshd"}

    expected = ("SSH forward", "tunnel", "a forward of the process sshd")
    assert said(**tunnel, unit="ssh.service") == expected
    assert said(**tunnel, unit="db.service")[:2] == ("db", "db")


def test_the_well_known_name_counts_only_where_nothing_else_does():
    expected = ("PostgreSQL", "db", "port 5432 is usually postgresql")

    assert said(port=5432, well_known="postgresql") == expected
    assert said(port=5432, well_known="postgresql", exe="/opt/shop")[:2] == ("shop", "unknown")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"unit": "nginx.service"}, ["systemd"]),
        ({"image": "redis", "compose_service": "Shop & Co/redis"}, ["shop-co", "container"]),
        ({"unit": "openvpn@home.service"}, ["vpn", "systemd"]),
        ({"container_name": "x", "compose_service": "/x"}, ["container"]),
        ({"image": "solr", "compose_service": "search/solr"}, ["search", "container"]),
        ({"image": "solr", "compose_service": f"-{'x' * 99}/y"}, ["x" * 50, "search", "container"]),
    ],
)
def test_tags_are_few_words(fields, expected):
    assert of(**fields).tags == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("loopback", "loopback"), ("link", "link"), ("private", "private"), ("any", "")],
)
def test_what_listens_everywhere_is_not_expected_to(scope, expected):
    assert of(scope=scope).expected_scope == expected


def test_nothing_known_suggests_nothing():
    assert of() == Suggestion("", "unknown", [], "", "")


def test_every_program_has_a_type_that_a_note_may_have():
    types = {program.service_type for program in programs.PROGRAMS}

    assert types <= set(PortNote.ServiceType.values)


def test_every_program_is_named_once_and_in_order():
    names = [name for program in programs.PROGRAMS for name in program.names.split()]
    order = [(program.service_type, program.names) for program in programs.PROGRAMS]

    assert len(names) == len(set(names))
    assert names == [name.lower() for name in names]
    assert order == sorted(order)


@pytest.mark.django_db
def test_a_suggestion_fits_a_note_and_costs_no_query(open_port, django_assert_num_queries):
    open_port(5432, exe="/usr/lib/postgresql/15/bin/postgres", unit="postgresql@15-main.service")
    port = Port.objects.get()

    with django_assert_num_queries(0):
        suggestion = suggest(port)

    note = PortNote(
        host_id=port.host_id,
        protocol=port.protocol,
        port=port.port,
        title=suggestion.title,
        service_type=suggestion.service_type,
        tags=suggestion.tags,
        expected_scope=suggestion.expected_scope,
    )
    note.full_clean()
    assert note.title == "PostgreSQL"


PIECES = [
    *"/@:.-_ '\"[]()\x00\x1b\n\u202e\ud800é1",
    "python3",
    "-m",
    "java",
    "-jar",
    "gunicorn",
    "a.b:c",
]
ROLES = st.sampled_from(["server", "proxy", "tunnel", "socket_unit"])
HOSTILE = st.one_of(
    st.text(st.characters()), st.lists(st.sampled_from(PIECES)).map("".join), st.just("python3")
)


def check(suggestion):
    tags.validate(suggestion.tags)
    assert len(suggestion.tags) <= 3
    assert suggestion.service_type in PortNote.ServiceType.values
    assert suggestion.expected_scope in {"", *PortNote.ExpectedScope.values}
    assert suggestion.title == suggestion.title.strip()
    assert (suggestion.title + suggestion.evidence).isprintable()
    assert len(suggestion.title) <= 80
    assert len(suggestion.evidence) <= 250
    assert bool(suggestion.title) == bool(suggestion.evidence)


@given(st.fixed_dictionaries(dict.fromkeys(TEXTS, HOSTILE) | {"role": HOSTILE | ROLES}))
def test_whatever_the_evidence_says_a_suggestion_can_be_shown_and_saved(fields):
    check(of(**fields))


@pytest.mark.parametrize(
    "piece", ["a", "-1", "/", ".", ":", "'", "@", " ", "python3 ", "1", "é", "\x1b"]
)
@pytest.mark.parametrize("name", TEXTS)
def test_megabytes_are_cut_before_they_are_looked_at(name, piece):
    check(of(**{"exe": "/usr/bin/python3"} | {name: piece * (1 << 20)}))
