"""Which container is behind a port: asked of real engines, and of such as lie."""

import json
import socket
import threading
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import containers, ss
from collector.cgroup import container_of
from collector.containers import PROXIES, Container, Containers, is_proxy, running
from collector.sweep import Protocol
from tests.collector import engines

ID = "0123456789ab" * 5 + "cdef"
COMPOSE = (
    "--label=com.docker.compose.project=shop",
    "--label=com.docker.compose.service=web",
)


@pytest.fixture
def _alone(monkeypatch, tmp_path):
    """No engine of this machine is asked."""
    monkeypatch.setattr(containers, "SOCKETS", ())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture(scope="module")
def podman():
    with engines.podman() as engine:
        web = (
            "--publish=127.0.0.1:8080:80",
            "--publish=7000-7002:7000-7002",
            "--publish=53:53/udp",
        )
        engine.start("web", *web, *COMPOSE)
        unnamed = engine.do("import", str(engine.directory / "box.tar"))
        engine.start("other", "--publish=127.0.0.2:8080:80", image=unnamed)
        engine.start("six", "--publish=[::]:8080:80", "--publish=[::1]:8081:80")
        engine.start("rootless", "--network=slirp4netns", "--publish=127.0.0.1:8082:80")
        engine.start("host", "--network=host", command="httpd -f -p 127.0.0.1:8083")
        infra = ("--infra-image", engines.IMAGE, "--infra-command", "/busybox sleep 600")
        group = f"--cgroup-parent={engine.group}"
        engine.do("pod", "create", "--name=pod", group, *infra, "--publish=127.0.0.1:8084:80")
        engine.start("member", "--pod=pod")
        engine.do("create", "--publish=127.0.0.1:8085:80", engines.IMAGE, "/busybox", "true")
        engines.serve_podman(engine)
        yield engine


@pytest.fixture(scope="module")
def docker():
    with engines.docker() as engine:
        engine.start("web", "--publish=127.0.0.1:8080:80", "--publish=9000-9001:80-81", *COMPOSE)
        engine.start("other", "--publish=127.0.0.2:8080:80")
        engine.start("host", "--network=host", command="httpd -f -p 127.0.0.1:8083")
        engine.do("create", "--publish=127.0.0.1:8085:80", engines.IMAGE, "/busybox", "true")
        yield engine


@pytest.fixture
def engine(_alone, tmp_path):
    """Return a function that puts an engine with these answers, whole or in steps, in place."""
    with closing(socket.socket(socket.AF_UNIX)) as server:

        def serve(answers):
            with suppress(OSError):  # closed: the test is over
                for answer in answers:
                    client, _ = server.accept()
                    with client, suppress(OSError):  # it has heard enough
                        client.recv(4096)
                        for part in [answer] if isinstance(answer, bytes) else answer:
                            client.sendall(part)

        def engine(*answers):
            server.bind(str(tmp_path / "docker.sock"))
            server.listen()
            threads.append(threading.Thread(target=serve, args=(answers,)))
            threads[-1].start()

        threads = []
        yield engine
        with suppress(OSError):  # it never listened
            server.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()


def answer(listing, *, status="200 OK", headers=""):
    body = listing if isinstance(listing, bytes) else json.dumps(listing).encode()
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def listed(**changes):
    return {"Id": ID, "Names": ["/web"], "Image": "nginx", "Labels": {}, "Ports": []} | changes


def published(*ports):
    """Return what an engine with a container for each (address, port) tells."""
    by_port = {}
    for number, (address, port) in enumerate(ports):
        container = Container(f"{number:012x}", address, "", "")
        by_port.setdefault((Protocol.TCP, port), []).append((address, container))
    return Containers({}, by_port)


def look(engine, monkeypatch):
    """Return for every listener of an engine what holds it, and the container behind it."""
    monkeypatch.setattr(containers, "SOCKETS", (engine.socket,))
    told = running(timeout=30)
    seen = {}
    for each in ss.parse(engine.run("ss", "-lntupHe").encode()).sockets:
        user = each.users[0]
        if is_proxy(user.name, engine.run("readlink", f"/proc/{user.pid}/exe").strip()):
            container = told.publishing(each.protocol, each.port, [each.address])
        else:
            container = told.with_id(container_of(each.cgroup))
        name = container.name if container else None
        seen[f"{each.protocol} {each.address} {each.port}"] = (user.name, name)
    return told, seen


@pytest.mark.usefixtures("_alone")
def test_podman_tells_the_container_behind_every_port(podman, monkeypatch):
    """N50 and N53: ranges, IPv6, pods, a rootless proxy, one port of two, the host's network."""
    _, seen = look(podman, monkeypatch)

    assert seen == {
        "tcp 127.0.0.1 8080": ("conmon", "web"),
        "tcp 0.0.0.0 7000": ("conmon", "web"),
        "tcp 0.0.0.0 7001": ("conmon", "web"),
        "tcp 0.0.0.0 7002": ("conmon", "web"),
        "udp 0.0.0.0 53": ("conmon", "web"),
        "tcp 127.0.0.2 8080": ("conmon", "other"),
        "tcp :: 8080": ("conmon", "six"),
        "tcp ::1 8081": ("conmon", "six"),
        "tcp 127.0.0.1 8082": ("rootlessport", "rootless"),
        "tcp 127.0.0.1 8083": ("busybox", "host"),
        "tcp 127.0.0.1 8084": ("conmon", "member"),
    }


@pytest.mark.usefixtures("_alone")
def test_docker_tells_the_container_behind_every_port(docker, monkeypatch):
    """N47 and N53: the service is not docker-proxy."""
    _, seen = look(docker, monkeypatch)

    assert seen == {
        "tcp 127.0.0.1 8080": ("docker-proxy", "web"),
        "tcp 0.0.0.0 9000": ("docker-proxy", "web"),
        "tcp :: 9000": ("docker-proxy", "web"),
        "tcp 0.0.0.0 9001": ("docker-proxy", "web"),
        "tcp :: 9001": ("docker-proxy", "web"),
        "tcp 127.0.0.2 8080": ("docker-proxy", "other"),
        "tcp 127.0.0.1 8083": ("busybox", "host"),
    }


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("name", ["podman", "docker"])
def test_a_container_has_its_image_and_its_compose_service(name, request, monkeypatch):
    engine = request.getfixturevalue(name)
    told, _ = look(engine, monkeypatch)

    full = engine.do("inspect", "--format={{.Id}}", "web")
    assert told.with_id(full) == Container(full[:12], "web", engines.IMAGE, "shop/web")
    assert {each.name for each in told.by_id.values()} >= {"web", "other", "host"}


@pytest.mark.usefixtures("_alone")
def test_an_image_without_a_name_is_said_short(podman, monkeypatch):
    told, _ = look(podman, monkeypatch)

    other = told.publishing(Protocol.TCP, 8080, ["127.0.0.2"])
    full = podman.do("inspect", "--format={{.Image}}", "other")
    assert other.image == f"sha256:{full[:12]}"


@pytest.mark.usefixtures("_alone")
def test_two_engines_are_one_list_and_one_engine_is_asked_once(
    podman, docker, monkeypatch, tmp_path
):
    (tmp_path / "docker.sock").symlink_to(docker.socket)
    monkeypatch.setattr(containers, "SOCKETS", (podman.socket, docker.socket))

    told = running(timeout=30)

    assert len(containers._sockets()) == 2
    names = [each.name for each in told.by_id.values()]
    assert (names.count("web"), names.count("member")) == (2, 1)


@pytest.mark.parametrize(
    ("addresses", "name"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["127.0.0.2"], "127.0.0.2"),
        (["127.0.0.2", "127.0.0.2"], "127.0.0.2"),
        (["::ffff:127.0.0.2"], "127.0.0.2"),
        (["127.0.0.1", "127.0.0.2"], None),
        (["127.0.0.3"], None),
        (["0.0.0.0"], None),
        (["*"], None),
        (["no address"], None),
        ([], None),
    ],
)
def test_of_two_containers_the_one_published_at_that_address_is_behind_it(addresses, name):
    """A proxy listens where the container is published; what can't be told apart is not told."""
    told = published(("127.0.0.1", 80), ("127.0.0.2", 80))

    container = told.publishing(Protocol.TCP, 80, addresses)

    assert (container and container.name) == name
    assert told.publishing(Protocol.UDP, 80, addresses) is None
    assert told.publishing(Protocol.TCP, 81, addresses) is None


@pytest.mark.parametrize("other", ["127.0.0.1", "::1", "0.0.0.0", "::", "*"])
@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::", "*"])
def test_a_wildcard_fits_every_address_of_the_only_container(wildcard, other):
    """N49: Docker before 20.10 said 0.0.0.0 and bound both families."""
    assert published((wildcard, 80)).publishing(Protocol.TCP, 80, [other]).name == wildcard
    assert published((other, 80)).publishing(Protocol.TCP, 80, [wildcard]).name == other


@pytest.mark.parametrize(
    ("bound", "name"),
    [("0.0.0.0", "0.0.0.0"), ("::", "::"), ("10.0.0.1", "0.0.0.0"), ("fe80::1", "::"), ("*", None)],
)
def test_each_family_may_have_its_own_container(bound, name):
    container = published(("0.0.0.0", 80), ("::", 80)).publishing(Protocol.TCP, 80, [bound])

    assert (container and container.name) == name


@pytest.mark.parametrize(
    "shape", [("IP", "PublicPort", "Type"), ("host_ip", "host_port", "protocol")]
)
@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("::", "::"),
        ("[::]", "::"),
        ("[::1]", "::1"),
        ("0:0::1", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_an_address_is_read_however_it_is_spelled(engine, shape, text, bound):
    port = dict(zip(shape, (text, 80, "tcp"), strict=True))
    engine(answer([listed(Ports=[port])]))

    told = running(timeout=30)

    assert [address for address, _ in told.by_port[Protocol.TCP, 80]] == [bound]


def test_an_answer_in_chunks_is_read(engine):
    body = json.dumps([listed()]).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:], b""))
    engine(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    assert running(timeout=30).with_id(ID).name == "web"


def test_what_podman_said_first_is_kept_when_its_own_api_fails(engine):
    compatible = [listed(Ports=[{"PublicPort": 80, "Type": "tcp"}])]
    headers = "Libpod-API-Version: 5.4.2\r\n"
    engine(answer(compatible, headers=headers), answer({}, status="500 Oh"))

    assert running(timeout=30).publishing(Protocol.TCP, 80, ["0.0.0.0"]).name == "web"


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({}, ""),
        (None, ""),
        ({"com.docker.compose.project": "shop"}, ""),
        ({"com.docker.compose.service": "web"}, "web"),
        ({"io.podman.compose.project": "shop", "io.podman.compose.service": "web"}, "shop/web"),
        ({"com.docker.compose.project": 1, "com.docker.compose.service": ["web"]}, ""),
    ],
)
def test_the_compose_service_stands_in_the_labels(engine, labels, service):
    engine(answer([listed(Labels=labels)]))

    assert running(timeout=30).with_id(ID).compose_service == service


def test_the_own_name_of_a_linked_container_is_shown(engine):
    engine(answer([listed(Names=["/app/alias", "/db", "/other/db"])]))

    assert running(timeout=30).with_id(ID).name == "db"


def test_names_images_and_labels_are_made_safe(engine):
    """N27: whoever may start a container chooses them."""
    labels = {"com.docker.compose.project": "\x1b[31m\0", "com.docker.compose.service": "\u202e"}
    engine(answer([listed(Names=["/a\nb\ud800"], Image="i" * 300, Labels=labels)]))

    container = running(timeout=30).with_id(ID)

    assert container.name == "a\\nb\\ud800"
    assert container.image == "i" * 254 + "…"
    assert container.compose_service == "\\x1b[31m\\x00/\\u202e"


HEAD = b"HTTP/1.1 200 OK\r\n"
FLOOD = [HEAD + b"\r\n[", *[b'"%b",' % (b"x" * 1_000_000)] * 100]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 abc OK\r\n\r\n[]",
        HEAD + b"Content-Length: -1\r\n\r\n[]",
        HEAD + b"Content-Length: 1000\r\n\r\n[]",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n[]",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]",
        HEAD + b"A: b\r\n" * 1000 + b"\r\n[]",
        HEAD + b"A" * 100_000,
        answer([listed()], status="500 Internal Server Error"),
        answer([listed()], status="301 Moved", headers="Location: http://localhost/\r\n"),
        answer([listed()])[:-1],
        answer(b"\xff\xfe\x00"),
        answer(b"[" * 1_000_000),
        answer(b'{"a":' * 100_000),
        answer(b"9" * 100_000),
        answer({"message": "page not found"}),
        answer([None, 1, "a", [], {}, {"Id": 1}, {"Id": "../x"}, {"Id": "0123"}, {"Id": None}]),
        FLOOD,
    ],
    ids=range(20),
)
def test_an_engine_that_talks_nonsense_has_no_containers(engine, said):
    engine(said)

    assert running(timeout=30) == Containers()


def test_an_engine_that_never_answers_is_not_waited_for(engine):
    """The time of one step is not the time of the whole: a byte at a time takes for ever too."""
    over = threading.Event()

    def drip():
        yield HEAD
        while not over.wait(0.01):
            yield b"A"

    engine(drip())

    assert running(timeout=0.3) == Containers()
    over.set()


@pytest.mark.usefixtures("_alone")
def test_an_engine_that_hangs_leaves_time_for_the_next(engine, monkeypatch, tmp_path):
    with closing(socket.socket(socket.AF_UNIX)) as hanging:
        hanging.bind(str(tmp_path / "hanging"))
        hanging.listen()
        monkeypatch.setattr(containers, "SOCKETS", (str(tmp_path / "hanging"),))
        engine(answer([listed()]))

        assert running(timeout=1).with_id(ID).name == "web"


@pytest.mark.usefixtures("_alone")
def test_what_is_no_engine_is_passed_over(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(tmp_path / "dead"))
    paths = [*(str(tmp_path / each) for each in ("file", "dead", "absent", "")), "a\0b"]
    monkeypatch.setattr(containers, "SOCKETS", paths)

    assert running(timeout=30) == Containers()


@pytest.mark.usefixtures("_alone")
def test_the_rootless_engines_of_the_user_are_asked(monkeypatch, tmp_path):
    (tmp_path / "podman").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as rootless:
        rootless.bind(str(tmp_path / "podman/podman.sock"))

        assert containers._sockets() == [str(tmp_path / "podman/podman.sock")]
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert str(tmp_path / "podman/podman.sock") not in containers._sockets()


def test_no_answer_makes_more_ports_than_there_are(engine):
    """A range of every port, a thousand times over, at as many addresses."""
    ports = [
        {"host_ip": f"10.0.{number // 256}.{number % 256}", "host_port": 1, "range": 10**9}
        | {"protocol": "tcp"}
        for number in range(1000)
    ]
    engine(answer([listed(Ports=ports)]))

    told = running(timeout=30)

    assert len(told.by_port) == 65535
    assert sum(map(len, told.by_port.values())) == containers.MOST_PORTS


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([[]])
)
PORTS = st.lists(
    st.one_of(
        ODD,
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(("IP", "Type", "host_ip", "protocol"), ODD | st.just("tcp"))
            | dict.fromkeys(("PublicPort", "host_port", "range"), ODD | st.integers(-2, 70000)),
        ),
    ),
    max_size=3,
)
ENTRIES = st.fixed_dictionaries(
    {"Id": ODD | st.just(ID)},
    optional={
        "Names": ODD | st.lists(ODD, max_size=3),
        "Image": ODD,
        "ImageID": ODD,
        "IsInfra": ODD,
        "Labels": ODD | st.dictionaries(st.just("com.docker.compose.service"), ODD),
        "Ports": ODD | PORTS,
    },
)


@given(st.one_of(ODD, st.dictionaries(st.text(max_size=3), ODD), st.lists(ODD | ENTRIES)))
def test_no_json_raises(listing):
    """Types wrong everywhere; what is told is true to its own types all the same."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(containers, "_sockets", lambda: [""])
        monkeypatch.setattr(containers, "_get", lambda *_: (listing, 0))
        told = running(timeout=30)

    for container in told.by_id.values():
        assert container.id == ID[:12]
        assert all(
            isinstance(each, str) and each.isprintable() and len(each) <= 255
            for each in (container.name, container.image, container.compose_service)
        )
    for (protocol, port), found in told.by_port.items():
        assert protocol in Protocol
        assert 1 <= port <= 65535
        assert all(each in told.by_id.values() for _, each in found)
        told.publishing(protocol, port, [address for address, _ in found])


@pytest.mark.parametrize("name", sorted(PROXIES))
def test_a_proxy_is_known_by_its_file_and_else_by_its_name(name):
    """N47, N50; N28: a name is cut at 15 bytes, and anybody's choice."""
    assert is_proxy("", f"/usr/libexec/{name}")
    assert is_proxy("anything", f"/usr/bin/{name}")
    assert not is_proxy(name[:15], f"/home/eve/{name}")
    assert is_proxy(name[:15], "")
    assert not is_proxy(name[:15], "/usr/bin/python3.11")
    assert not is_proxy("nginx", "")


def test_where_there_is_no_engine_no_container_is_known():
    assert Containers().with_id(ID) is None
    assert Containers().with_id("") is None
    assert Containers().publishing(Protocol.TCP, 80, ["0.0.0.0"]) is None
