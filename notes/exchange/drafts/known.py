"""Programs and protocols whose kind is beyond doubt, by the names of images and of nmap."""

import re

BY_TYPE = {
    "web": "http https http-alt http-proxy https-alt apache httpd nginx wordpress nextcloud gitea",
    "db": "postgres postgresql postgis timescaledb mysql mariadb percona mongo mongodb mongod "
    "cockroach clickhouse-server influxdb couchdb neo4j elasticsearch opensearch ms-sql-s "
    "oracle-tns cassandra",
    "cache": "redis valkey memcached keydb varnish",
    "queue": "rabbitmq amqp kafka nats mosquitto eclipse-mosquitto mqtt activemq",
    "proxy": "traefik caddy haproxy envoy squid squid-http nginx-proxy-manager",
    "tunnel": "wireguard openvpn cloudflared tailscale",
    "remote": "ssh telnet vnc ms-wbt-server rdp guacamole openssh-server",
    "dns": "domain dns pihole adguardhome bind9 unbound coredns",
    "mail": "smtp smtps submission imap imaps pop3 pop3s mailhog mailpit postfix dovecot",
    "files": "ftp nfs microsoft-ds netbios-ssn samba minio rsync syncthing sftp",
    "monitoring": "grafana prometheus alertmanager node-exporter loki uptime-kuma zabbix-agent "
    "snmp netdata cadvisor",
    "system": "rpcbind ntp ipp cups dhcpc dhcps",
}
TYPES = {name: kind for kind, names in BY_TYPE.items() for name in names.split()}


def service_type(name: str) -> str:
    """
    Return the type of a known program or protocol, else nothing.

    >>> service_type("postgres"), service_type("ssh"), service_type("my-shop")
    ('db', 'remote', '')
    """
    return TYPES.get(name.lower(), "")


def of_image(image: str) -> str:
    """
    Return the name of a program from that of its image.

    >>> of_image("docker.io/library/postgres:17"), of_image("ghcr.io:5000/a/shop@sha256:00")
    ('postgres', 'shop')
    """
    return re.split(r"[:@]", image.rsplit("/", 1)[-1], maxsplit=1)[0]
