"""To whom ports belong: the rules as they are asked, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portatlas.contexts.reservations.rules import Claim, Rule, allowed, newly_refused, own, refusal

SHOP = Rule("shop-*", "", "*", "", 8000, 8099, "Ask Bob.")
OPS = Rule("", "ops", "atlas", "tcp", 9000, 9000)
USUAL = range(8000, 9100)


def claim(project="blog", *teams, host_id="atlas", protocol="tcp"):
    return Claim(host_id, protocol, project, frozenset(teams))


@pytest.mark.parametrize(
    ("wanted", "port", "said"),
    [
        (claim("shop-web"), 8080, ""),
        (claim("blog"), 8100, ""),
        (claim("blog"), 8080, "8080/tcp belongs to project shop-*, which has 8000-8099. Ask Bob."),
        (
            claim("shop-web"),
            8100,
            "The ports of project shop-* are 8000-8099; 8100/tcp is none of them. Ask Bob.",
        ),
        (claim("Shop-web"), 8100, ""),
        (claim("blog", "ops"), 9000, ""),
        (claim("blog"), 9000, "9000/tcp belongs to the team ops, which has 9000."),
        (claim("blog", protocol="udp"), 9000, ""),
        (claim("blog", host_id="far"), 9000, ""),
        (claim("blog", host_id="*"), 9000, "9000/tcp belongs to the team ops, which has 9000."),
        (claim("shop-web", "ops"), 9000, ""),
    ],
)
def test_a_rule_says_whose_a_port_is(wanted, port, said):
    assert refusal([SHOP, OPS], wanted, port) == said


def test_who_has_several_rules_gets_ports_in_each():
    more = SHOP._replace(first=9050, last=9060)

    found = allowed([SHOP, more], claim("shop-web"), None, USUAL)

    assert found == [range(8000, 8100), range(9050, 9061)]


def test_ranges_that_meet_are_told_as_one():
    more = SHOP._replace(first=8050, last=8120)

    assert allowed([more, SHOP], claim("shop-web"), None, USUAL) == [range(8000, 8121)]


def test_who_asks_for_ports_of_others_gets_none():
    assert allowed([SHOP], claim("blog"), range(8010, 8020), USUAL) == []


def test_the_rules_of_a_claim_are_those_of_its_project_and_of_its_teams():
    assert own([SHOP, OPS], claim("shop-web", "ops")) == [SHOP, OPS]


ports = st.integers(1, 60)
rule = st.builds(
    lambda who, host, protocol, ends: Rule(*who, host, protocol, min(ends), max(ends)),
    st.sampled_from([("shop", ""), ("blog", ""), ("*g", ""), ("", "ops"), ("", "web")]),
    st.sampled_from(["*", "atlas", "far"]),
    st.sampled_from(["", "tcp", "udp"]),
    st.tuples(ports, ports),
)
claims = st.builds(
    Claim,
    st.sampled_from(["*", "atlas", "far"]),
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from(["shop", "blog", "other"]),
    st.frozensets(st.sampled_from(["ops", "web"])),
)


@given(st.lists(rule, max_size=5), claims)
def test_a_port_is_looked_for_where_it_would_not_be_refused(rules, wanted):
    every = range(1, 61)

    found = allowed(rules, wanted, every, range(1, 1))

    assert [port for each in found for port in each] == [
        port for port in every if not refusal(rules, wanted, port)
    ]


@given(rule, st.lists(rule, max_size=4), st.lists(st.tuples(claims, ports), max_size=20))
def test_what_a_rule_newly_refuses_is_what_is_refused_with_it_and_not_without(new, others, held):
    counted = newly_refused(new, others, held)

    assert counted == sum(
        bool(refusal([new, *others], *each)) and not refusal(others, *each) for each in held
    )
