"""What secrets look like and where they stand: the knowledge behind `redact`."""

from __future__ import annotations

import re

from collector.patterns import compiled

MASK = "***"

# A name is read from its end: `db_root_password`, `dbPassword`, `X-Api-Key`, `PGPASSWORD`.
SECRET = re.compile(
    r"(?i:passwords?|passwd|passphrase|passwort|pwd|secrets?|token|credentials?|apikey|authkey"
    r"|privatekey|secretkey|accesskey|requirepass|masterauth)\Z"
    r"|(?:\A|[\W_])(?i:pass|pw|auth|jwt|cookie|key)\Z"
    r"|(?<=[a-z])(?:Pass|Key|Auth)\Z"
    r"|(?i:db|my|user|root|admin|smtp|ldap|bind|ssl)(?i:pass)\Z"
).search
# Where the shell is, and keys that are public, open no door, or are files by custom.
HARMLESS = re.compile(
    r"(?:OLD)?PWD\Z|(?i:.*[\W_])?(?i:public|pub|sort|primary|foreign|partition|host|ssl|tls|cert)"
    r"[-_.]?(?i:key)\Z"
).match
SWITCH = re.compile(r"(?:no|ask|prompt|use|with|without|skip|disable|enable|allow|show)[-_]").match
KEY_FILE = re.compile(r"[\w./~+-]+\.(?:pem|key|crt|cer|p12|pfx|jks)").fullmatch

# Short options that are a secret in one program and anything at all in another. Glued:
# `-psecret`. Separate: `-p secret`. "login" is that of docker, helm and az.
GLUED = {
    program: letters
    for programs, letters in {
        "mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlslap mysqlbinlog mycli"
        " mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import": "p",
        "mongo mongosh mongodump mongorestore mongoexport mongoimport sshpass login": "p",
        "7z 7za unrar rar rdesktop": "p",
        "ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami": "w",
        "sqlcmd bcp zip unzip ipmitool": "P",
        "redis-cli keydb-cli valkey-cli": "a",
        "curl": "uU",
        "smbclient rpcclient": "U",
    }.items()
    for program in programs.split()
}
SEPARATE = {
    **{
        program: tuple(letters)
        for program, letters in GLUED.items()
        if not program.startswith(("mysql", "mariadb", "7z", "unrar", "rar"))
    },
    "curl": ("u", "U", "user", "proxy-user"),
    "wget": ("http-passwd",),
    "openssl": ("k", "K", "pass", "passin", "passout"),
    "snmpget": ("A", "X", "c"),
    "snmpwalk": ("A", "X", "c"),
    "frpc": ("t",),
    "frps": ("t",),
    "x11vnc": ("passwd",),
}

# Repetitions are bounded wherever a start can be tried often: an argument may be long.
LOOKS = [
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    # scheme://user:secret@host. The secret may hold "@" and "/", but `:80/x@y` is port and path.
    (
        re.compile(
            r"(?i)((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s:/@?#\"']{0,255}:)(?!\d{1,5}[/?#])"
            r"[^\s\"']{1,2048}@"
        ),
        rf"\1{MASK}@",
    ),
    (re.compile(r"(?i)(\bhttps?://)[^\s:/@?#\"']{16,255}@"), rf"\1{MASK}@"),
    (
        re.compile(
            r"(?i)([?&;][\w.\[\]-]{0,60}(?:token|key|secret|pass|passw\w{1,5}|pwd|auth|sig|signature)=)"
            r"[^&#\s\"']+"
        ),
        rf"\1{MASK}",
    ),
    (
        compiled(
            r"(?i)((?:(?<![\w-])[\w-]{0,40}authorization|\b(?:set-)?cookie|\bprivate-token"
            r"|\bx-[\w-]{0,40}(?:key|token|secret|auth))[\"']?\s*+[:=]\s*+[\"']?"
            r"(?:(?:basic|bearer|token|digest|negotiate)\s++)?)[^\"'\r\n]+"
        ),
        rf"\1{MASK}",
    ),
    (compiled(r"(?i)\b(bearer\s++)[^\s\"']+"), rf"\1{MASK}"),
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{12,}"  # AWS
            r"|eyJ[\w-]{4,4096}\.[\w-]+(?:\.[\w-]*)*"  # JWT
            r"|(?:gh[opsur]_|github_pat_|gl[a-z]{2,5}-|xox[a-z]-|xapp-|sk-|[spr]k_(?:live|test)_"
            r"|npm_|pypi-|hf_|hvs\.|dop_v1_|dckr_pat_|tskey-|shp[a-z]{2}_|AIza|ya29\.|SG\."
            r"|AGE-SECRET-KEY-)[\w.=+/-]{10,})"
        ),
        MASK,
    ),
]
# A value in a longer text: to the closing quote, or the blank, or the next query parameter.
VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s\"'&]+").match


def is_secret(name: str) -> bool:
    """
    Tell from the name of an option or a variable whether its value is a secret.

    >>> [is_secret(name) for name in ("PGPASSWORD", "apiKey", "password-file", "PWD", "bypass")]
    [True, True, False, False, False]
    """
    return bool(SECRET(name)) and not HARMLESS(name)


def is_switch(name: str) -> bool:
    """Whether an option is only on or off, so that the next argument is not its value."""
    return bool(SWITCH(name))
