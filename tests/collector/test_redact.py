"""Secrets never reach the database; what is no secret stays readable."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redact import LIMIT, redact

S = "hunter2Hunter2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["app", f"--password={S}"], "app --password=***"),
        (["app", "--password", S, "x"], "app --password *** x"),
        (["app", "-password", S], "app -password ***"),
        (["app", "--password", f"-{S}"], "app --password ***"),
        (["app", "--password", "--port", "80"], "app --password --port 80"),
        (["app", "--token", S], "app --token ***"),
        (["app", "--api-key", S], "app --api-key ***"),
        (["app", f"--apiKey={S}"], "app --apiKey=***"),
        (["env", f"PASSWORD={S} and more", "app"], "env PASSWORD=*** app"),
        (["env", f"GITHUB_TOKEN={S}"], "env GITHUB_TOKEN=***"),
        (["env", f"AWS_SECRET_ACCESS_KEY={S}"], "env AWS_SECRET_ACCESS_KEY=***"),
        (["docker", "run", "-e", f"A_SECRET={S}", "i"], "docker run -e A_SECRET=*** i"),
        (["docker", "run", f"--env=A_SECRET={S} x"], "docker run --env=A_SECRET=***"),
        (["docker", "login", "-u", "me", "-p", S], "docker login -u me -p ***"),
        (["java", f"-Dspring.datasource.password={S}"], "java -Dspring.datasource.password=***"),
        (["helm", "--set", f"a=1,db.password={S}"], "helm --set a=1,db.password=***"),
        (["isql", f"Server=x;Pwd={S};"], "isql 'Server=x;Pwd=***'"),
        (["psql", f"host=h password={S} user=u"], "psql 'host=h password=*** user=u'"),
        (["psql", f"postgres://u:{S}@h:5432/db"], "psql postgres://u:***@h:5432/db"),
        (["app", f"redis://:{S}@h/0"], "app redis://:***@h/0"),
        (["app", f"amqp://u:p@ss/{S}@h"], "app amqp://u:***@h"),
        (["git", "clone", f"https://{S}{S}@h/r"], "git clone https://***@h/r"),
        (["curl", f"http://h/?token={S}&y=1"], "curl 'http://h/?token=***&y=1'"),
        (["curl", "-u", f"me:{S}", "h"], "curl -u *** h"),
        (["curl", "-H", f"Authorization: Bearer {S}"], "curl -H 'Authorization: Bearer ***'"),
        (["curl", "-H", f"X-Api-Key: {S}"], "curl -H 'X-Api-Key: ***'"),
        (["mysql", f"-p{S}", "-h", "h", "db"], "mysql -p*** -h h db"),
        (["sudo", "/usr/bin/mysqldump", f"-p{S}"], "sudo /usr/bin/mysqldump -p***"),
        (["sshpass", "-p", S, "ssh", "h"], "sshpass -p *** ssh h"),
        (["redis-cli", "-a", S], "redis-cli -a ***"),
        (["redis-server", "--requirepass", S], "redis-server --requirepass ***"),
        (["sh", "-c", f"mysql -p{S} | wc -l"], "sh -c 'mysql -p*** | wc -l'"),
        (["sh", "-c", f"A_TOKEN={S} app --port 80"], "sh -c 'A_TOKEN=*** app --port 80'"),
        (["bash", "-lc", f"app --password 'a {S}' x"], "bash -lc 'app --password *** x'"),
        ([f"retitled: app --password {S}", "", ""], "retitled: app --password ***"),
        (["app", f'{{"password": "a {S}", "b": 1}}'], 'app \'{"password": ***, "b": 1}\''),
        (["app", "AKIAIOSFODNN7EXAMPLE"], "app ***"),
        (["app", JWT], "app ***"),
        (["app", f"ghp_{S}{S}"], "app ***"),
        (["app", f"glpat-{S}"], "app ***"),
        (["app", f"xoxb-{S}"], "app ***"),
        (["app", f"sk-{S}"], "app ***"),
        (["app", f"-----BEGIN RSA PRIVATE KEY-----\n{S}"], "app ***"),
    ],
)
def test_a_secret_is_hidden(argv, line):
    assert redact(argv) == line


@pytest.mark.parametrize(
    "line",
    [
        "pwd",
        "app --password-file /run/secrets/x --port 80",
        "app --password-file=/run/secrets/x --token-ttl=30 --secret-name=y",
        "app --key /etc/ssl/private/x.pem --tls-key=/x",
        "app --no-password next --ask-password next",
        "env PWD=/root OLDPWD=/ PATH=/bin app",
        "docker run -p 8080:80 --user 1000:1000 i",
        "ssh -p 22 me@h",
        "psql -p 5432",
        "app --url http://h:8080/@me --bypass x --compass=y",
        "redis-server 127.0.0.1:6379",
        "sshd: me@pts/0",
    ],
)
def test_what_is_no_secret_is_kept(line):
    assert redact(line.split(" ")).replace("'", "") == line


def test_the_line_can_be_read_as_shell_and_holds_no_controls():
    """N25, N27, and names that break a terminal, a log or a database."""
    line = redact(["/bin/a b", "", "it's", "\x1b[31m\udcff\0", "жж\n"])

    assert line == "'/bin/a b' '' 'it'\"'\"'s' '\\x1b[31m\\xff\\x00' 'жж\\n'"


def test_no_command_line_is_an_empty_one():
    """Kernel threads and zombies have none."""
    assert redact([]) == redact(["", ""]) == ""


@pytest.mark.parametrize("argv", [["x"] * 100_000, ["a-" * 2**20], ["x", "a://b:c " * 2**17]])
def test_a_long_command_line_is_capped(argv):
    line = redact(argv)

    assert len(line) <= LIMIT
    assert line.endswith("…")


def test_a_secret_at_the_end_of_a_long_argument_is_not_cut_in_two():
    for padding in range(65_536 - 40, 65_536):
        assert S[:6] not in redact(["ghp_" + "a" * (padding - 24) + f" http://u:{S}@h"])


# Blanks and quotes would end the secret for anybody who reads the line.
SECRETS = st.text(
    string.ascii_letters + string.digits + "/+=_.!$%^*~@:#?,;&-", min_size=12, max_size=40
).map(lambda text: "Zq7" + text)
WORDS = st.lists(st.text(max_size=12), max_size=4)
FORMS = st.sampled_from(
    [
        ["--password=%s"],
        ["--password", "%s"],
        ["--db-password", "%s"],
        ["--token", "%s"],
        ["--api-key=%s"],
        ["-Dx.secret=%s"],
        ["DB_PASSWORD=%s"],
        ["MY_TOKEN=%s"],
        ["MY_SECRET=%s"],
        ["MY_KEY=%s"],
        ["-e", "DB_PASSWORD=%s"],
        ["postgres://user:%s@host/db"],
        ["-H", "Authorization: Bearer %s"],
        ["-H", "X-Auth-Token: %s"],
        ["mysql", "-p%s"],
        ["sshpass", "-p", "%s"],
        ["redis-cli", "-a", "%s"],
        ["sh", "-c", "exec app --password %s --port 80"],
        ["sh", "-c", "PASSWORD=%s app"],
    ]
)


@given(WORDS, FORMS, SECRETS, WORDS)
def test_a_planted_secret_never_appears(before, form, secret, after):
    # An option that waits for its value would take the planted option for it.
    before = [f"x{word}" for word in before]

    line = redact(["app", *before, *(part.replace("%s", secret) for part in form), *after])

    assert secret[:8] not in line


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.binary(max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
        )
    )
)
def test_any_command_line_becomes_one_line_of_printable_text(argv):
    line = redact(argv)

    assert line.isprintable()
    assert len(line) <= LIMIT
    line.encode()
