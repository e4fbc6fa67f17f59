"""Whether a port is bound, asked of this kernel with sockets that no list has."""

import socket

import pytest

from portatlas.reserving import binding

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture
def bind():
    """Return a function that binds a free port of this machine, on which nothing listens."""
    held = []

    def bind(protocol, family=socket.AF_INET, *options):
        bound = socket.socket(family, KINDS[protocol])
        held.append(bound)
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind((LOOPBACK[family], 0))
        return bound

    yield bind
    for each in held:
        each.close()


def port_of(bound):
    return bound.getsockname()[1]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", LOOPBACK)
def test_a_port_that_is_bound_is_taken_though_nothing_listens(protocol, family, bind):
    bound = bind(protocol, family)

    assert binding.is_taken(protocol, port_of(bound))


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_that_is_shared_willingly_is_taken(protocol, option, bind):
    bound = bind(protocol, socket.AF_INET, option)

    assert binding.is_taken(protocol, port_of(bound))


def test_a_port_that_listens_is_taken(bind):
    bound = bind("tcp", socket.AF_INET, socket.SO_REUSEADDR)
    bound.listen()

    assert binding.is_taken("tcp", port_of(bound))


def test_a_port_is_free_once_it_is_closed(bind):
    bound = bind("tcp")
    port = port_of(bound)

    bound.close()

    assert not binding.is_taken("tcp", port)


def test_asking_takes_nothing(bind):
    bound = bind("tcp")
    port = port_of(bound)
    bound.close()

    answers = [binding.is_taken("tcp", port) for _each in range(3)]

    assert answers == [False] * 3


def test_the_port_of_one_protocol_is_not_that_of_the_other(bind):
    bound = bind("tcp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]

    assert binding.is_taken("tcp", port_of(bound))
    assert not binding.is_taken("udp", free)
