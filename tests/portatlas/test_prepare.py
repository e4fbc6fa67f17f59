"""`manage.py prepare`: what the services of the full stack find when they start."""

import stat

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from collector.schedule import TASK
from portatlas.tokens.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def prepare(tmp_path, settings, capsys):
    """Return a function that prepares with a token for the host `hub`, and returns that token."""

    def prepare(host_id="hub", file=tmp_path / "token"):
        settings.PORTATLAS_HOST_ID = host_id
        call_command("prepare", "--collector-token", str(file))
        return file.read_text().strip()

    return prepare


def test_it_makes_the_first_account_and_does_not_switch_the_sweep_off_unasked(capsys):
    call_command("prepare")

    users = list(get_user_model().objects.values_list("username", "is_superuser"))
    assert users == [("admin", True)]
    assert "Log in as admin with the password" in capsys.readouterr().out
    assert PeriodicTask.objects.get(task=TASK).enabled


def test_the_collector_may_bring_the_sweeps_of_its_host_and_nothing_else(prepare, tmp_path, client):
    def bring(host_id):
        answer = client.post(
            "/api/v1/sweeps/",
            {"host_id": host_id},
            content_type="application/json",
            headers=headers,
        )
        return answer.status_code, answer.json()["type"].rpartition("/")[2]

    headers = {"Authorization": f"Bearer {prepare()}"}
    token = Token.objects.get()

    assert (token.scopes, token.host_id, token.expiry) == (["sweeps:write"], "hub", None)
    assert bring("hub")[0] == 400  # it may, but that is no sweep
    assert client.get("/api/v1/ports/", headers=headers).status_code == 403
    assert not get_user_model().objects.get(username="collector").has_usable_password()
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_no_worker_looks_at_its_own_container_then(prepare):
    prepare()

    assert not PeriodicTask.objects.get(task=TASK).enabled


def test_done_again_it_changes_nothing(prepare):
    first = prepare()
    PeriodicTask.objects.filter(task=TASK).update(enabled=True)  # somebody decided so

    again = prepare()

    assert again == first
    assert Token.objects.count() == 1
    assert PeriodicTask.objects.get(task=TASK).enabled


def test_a_revoked_token_stays_revoked(prepare):
    first = prepare()
    Token.objects.update(revoked_at="2026-01-01T00:00Z")

    assert prepare() == first
    assert Token.objects.count() == 1


@pytest.mark.parametrize("left", [None, b"", b"\xff\x00", b"atlas_of_another_database\n"])
def test_a_token_that_is_lost_or_of_another_database_is_replaced(prepare, tmp_path, left):
    first, file = prepare(), tmp_path / "token"
    file.unlink() if left is None else file.write_bytes(left)

    second = prepare()

    assert second != first
    assert [token.revoked_at is None for token in Token.objects.order_by("pk")] == [False, True]


def test_a_renamed_host_gets_a_token_of_its_own(prepare):
    prepare("old")

    prepare("new")

    living = Token.objects.filter(revoked_at=None)
    assert [token.host_id for token in living] == ["new"]


def test_a_folder_that_is_not_there_is_told_in_a_sentence(prepare, tmp_path):
    with pytest.raises(CommandError, match="token can't be used: No such file or directory"):
        prepare(file=tmp_path / "nowhere" / "token")

    assert Token.objects.count() == 0


def test_a_collector_that_was_switched_off_is_told_in_a_sentence(prepare, tmp_path):
    prepare()
    get_user_model().objects.update(is_active=False)
    (tmp_path / "token").unlink()

    with pytest.raises(CommandError, match="no token for the collector: This user is not active"):
        prepare()

    assert Token.objects.get().revoked_at is None


def test_a_token_whose_time_is_over_makes_room_for_another(prepare, tmp_path):
    first = prepare()
    Token.objects.update(expiry="2026-01-01T00:00Z")
    (tmp_path / "token").unlink()

    assert prepare() != first
