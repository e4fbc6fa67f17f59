"""Hosts as an inventory for Ansible: groups, variables, and texts that are no templates."""

from datetime import timedelta

import pytest

from collector.models import Host
from collector.retirement import retire
from portatlas.discovery.ansible import inventory
from portatlas.discovery.group_names import group_names

ADDRESS = "/api/v1/discovery/ansible/"


def test_hosts_are_grouped_by_what_notes_say_of_their_ports(admin_client, open_port, write_note):
    open_port(22)
    open_port(80)
    write_note(80, service_type="web", tags=["prod", "front-end"], owner="Alice B.")
    open_port(80, host_id="web-1")
    write_note(80, host_id="*", service_type="web")
    open_port(22, host_id="bare")

    answer = admin_client.get(ADDRESS).json()

    hostvars = answer.pop("_meta")["hostvars"]
    assert answer == {
        "all": {"hosts": ["atlas", "bare", "web-1"]},
        "type_web": {"hosts": ["atlas", "web-1"]},
        "tag_prod": {"hosts": ["atlas"]},
        "tag_front_end": {"hosts": ["atlas"]},
        "owner_Alice_B_": {"hosts": ["atlas"]},
    }
    assert {
        host: [port["port"] for port in told["portatlas_ports"]] for host, told in hostvars.items()
    } == {"atlas": [22, 80], "bare": [22], "web-1": [80]}


def test_a_port_of_a_host_is_told_with_its_note(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, title="Shop", tags=["prod"])

    told = admin_client.get(ADDRESS).json()["_meta"]["hostvars"]["atlas"]["portatlas_ports"]

    [port] = told
    assert {name: port[name] for name in ("port", "protocol", "title", "tags", "state")} == {
        "port": 80,
        "protocol": "tcp",
        "title": "Shop",
        "tags": ["prod"],
        "state": "known",
    }


def test_what_does_not_listen_or_belongs_to_clients_is_left_out(admin_client, open_port):
    open_port(80, gone=True)
    open_port(22, host_id="web-1")

    assert admin_client.get(ADDRESS).json()["all"] == {"hosts": ["web-1"]}
    assert admin_client.get(f"{ADDRESS}?active=false").json()["all"] == {"hosts": ["atlas"]}


def test_a_retired_host_is_listed_only_where_it_is_asked_for_and_until_it_is_seen_again(
    admin_client, open_port
):
    open_port(22)
    old = open_port(22, host_id="old").host
    retire(old, at=old.last_look_at)

    def listed(query=""):
        return admin_client.get(f"{ADDRESS}{query}").json()["all"]["hosts"]

    assert listed() == ["atlas"]
    assert listed("?host_id=old") == ["old"]
    Host.objects.filter(pk="old").update(last_look_at=old.last_look_at + timedelta(seconds=15))
    assert listed() == ["atlas", "old"]


def test_a_filter_narrows_the_hosts(admin_client, open_port, write_note):
    open_port(80)
    open_port(80, host_id="web-1")
    write_note(80, owner="alice")

    assert admin_client.get(f"{ADDRESS}?owner=alice").json()["all"] == {"hosts": ["atlas"]}


@pytest.mark.parametrize("name", ["all", "ungrouped", "type_web"])
def test_a_host_called_as_a_group_is_left_out(name, admin_client, open_port, write_note):
    open_port(80)
    open_port(80, host_id=name)
    write_note(80, host_id="*", service_type="web")

    answer = admin_client.get(ADDRESS).json()

    assert list(answer.pop("_meta")["hostvars"]) == ["atlas"]
    assert answer == {"all": {"hosts": ["atlas"]}, "type_web": {"hosts": ["atlas"]}}


def test_an_empty_atlas_is_an_empty_inventory():
    assert inventory([]) == {"_meta": {"hostvars": {}}, "all": {"hosts": []}}


def test_no_text_opens_a_template(admin_client, open_port, write_note):
    """Ansible would run it: what an inventory script prints is trusted."""
    open_port(80, process_name="{{ lookup('pipe', 'id') }}", user="{{{", unit="{%{#")
    write_note(80, title="{{ 1 }}", description="{{ 2 }}", owner="{% raw %}")

    text = admin_client.get(ADDRESS).text

    assert [opening for opening in ("{{", "{%", "{#") if opening in text.replace('{"', "")] == []


@pytest.mark.parametrize(
    "words",
    [
        ["a-b", "a_b", "a.b"],
        ["é", "è"],
        ["a-b", "a_b_3e50d5"],
        ["山田", "太郎", "__"],
        ["x" * 100, "\ud800", "\n", "{{", "all"],
    ],
)
def test_names_of_groups_are_valid_and_each_of_one_word(words):
    names = group_names("tag_", words)

    assert sorted(names) == sorted(words)
    assert len(set(names.values())) == len(words)
    assert all(name.isidentifier() and name.isascii() for name in names.values())


def test_a_word_that_needs_no_change_keeps_its_name_whoever_comes():
    assert group_names("tag_", ["a_b"])["a_b"] == group_names("tag_", ["a-b", "a_b"])["a_b"]
