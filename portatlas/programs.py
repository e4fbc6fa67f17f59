"""
Widely used programs that listen: what people call them and what they are for. Pure.

A row names a program as its file, unit, image or /etc/services does, and as people do. Names
are compared in lower case, first as they are, then without the version at their end. A row
without a title leaves the name as it is, and tells the type alone.
"""

import re
from typing import NamedTuple

# Also that of php8.2-fpm. Written so that a name of digits alone is read once.
VERSION = re.compile(r"(?<![\d.])[-_]?v?\d[\d.]*+(?=-fpm$|$)")
KERNEL_CUTS_AT = 15  # characters of a process's name (N28)


class Program(NamedTuple):
    names: str  # between blanks
    title: str
    service_type: str  # of notes.models.PortNote.ServiceType
    tag: str = ""


PROGRAMS = [
    Program("api backend", "", "api"),
    Program("kube-apiserver", "Kubernetes API", "api"),
    Program("ollama", "Ollama", "api"),
    Program("cache", "", "cache"),
    Program("dragonfly", "Dragonfly", "cache"),
    Program("memcached memcache", "Memcached", "cache"),
    Program("redis redis-server redis-sentinel keydb keydb-server", "Redis", "cache"),
    Program("valkey valkey-server", "Valkey", "cache"),
    Program("varnish varnishd", "Varnish", "cache"),
    Program("cassandra cassandradaemon scylla", "Cassandra", "db"),
    Program("clickhouse clickhouse-server", "ClickHouse", "db"),
    Program("cockroach cockroachdb", "CockroachDB", "db"),
    Program("couchdb", "CouchDB", "db"),
    Program("db database", "", "db"),
    Program("elasticsearch", "Elasticsearch", "db", "search"),
    Program("etcd", "etcd", "db"),
    Program("firebird gds-db", "Firebird", "db"),
    Program("influxdb influxd", "InfluxDB", "db"),
    Program("mariadb mariadbd", "MariaDB", "db"),
    Program("meilisearch", "Meilisearch", "db", "search"),
    Program("mongodb mongo mongod mongos", "MongoDB", "db"),
    Program("mssql mssql-server sqlservr ms-sql-s", "SQL Server", "db"),
    Program("mysql mysqld", "MySQL", "db"),
    Program("neo4j", "Neo4j", "db"),
    Program("opensearch", "OpenSearch", "db", "search"),
    Program("oracle tnslsnr", "Oracle Database", "db"),
    Program("postgresql postgres postmaster postgis timescaledb", "PostgreSQL", "db"),
    Program("qdrant", "Qdrant", "db", "search"),
    Program("solr", "Solr", "db", "search"),
    Program("adguardhome", "AdGuard Home", "dns"),
    Program("avahi avahi-daemon mdns", "Avahi (mDNS)", "dns"),
    Program("bind bind9 named", "BIND", "dns"),
    Program("coredns", "CoreDNS", "dns"),
    Program("dns domain domain-s", "", "dns"),
    Program("dnscrypt-proxy", "dnscrypt-proxy", "dns"),
    Program("dnsmasq", "dnsmasq", "dns"),
    Program("knot knotd kresd knot-resolver", "Knot DNS", "dns"),
    Program("nsd", "NSD", "dns"),
    Program("pdns pdns_server pdns_recursor pdns-recursor", "PowerDNS", "dns"),
    Program("pihole pihole-ftl", "Pi-hole", "dns"),
    Program("systemd-resolved", "systemd-resolved", "dns"),
    Program("unbound", "Unbound", "dns"),
    Program("ceph-mon ceph-osd ceph-mds ceph-mgr", "Ceph", "files"),
    Program("ftp vsftpd proftpd pure-ftpd", "FTP server", "files"),
    Program("git git-daemon", "Git", "files"),
    Program("glusterd glusterfsd", "GlusterFS", "files"),
    Program("iscsi-target tgtd", "iSCSI target", "files"),
    Program("minio", "MinIO", "files"),
    Program("nfs nfsd nfs-server lockd rpc.mountd rpc.statd rpc-statd mountd", "NFS", "files"),
    Program("rsync rsyncd", "rsync", "files"),
    Program("samba smbd nmbd ksmbd netbios-ssn netbios-ns microsoft-ds", "Samba", "files"),
    Program("svn svnserve", "Subversion", "files"),
    Program("syncthing", "Syncthing", "files"),
    Program("tftp tftpd in.tftpd tftpd-hpa", "TFTP server", "files"),
    Program("transmission transmission-daemon deluged qbittorrent-nox", "", "files"),
    Program("wsdd wsdd2", "Web Services Discovery", "files"),
    Program("amavis amavisd amavisd-new", "Amavis", "mail"),
    Program("clamav clamd clamav-daemon", "ClamAV", "mail"),
    Program("dovecot imap imap2 imaps pop3 pop3s", "Dovecot", "mail"),
    Program("exim exim4", "Exim", "mail"),
    Program("mail smtp submission submissions smtps", "", "mail"),
    Program("mailhog mailpit", "Mailpit", "mail", "development"),
    Program("opendkim", "OpenDKIM", "mail"),
    Program("opensmtpd", "OpenSMTPD", "mail"),
    Program("postfix", "Postfix", "mail"),
    Program("rspamd", "Rspamd", "mail"),
    Program("sendmail sendmail-mta", "Sendmail", "mail"),
    Program("spamd spamassassin", "SpamAssassin", "mail"),
    Program("alertmanager prometheus-alertmanager", "Alertmanager", "monitoring"),
    Program("cadvisor", "cAdvisor", "monitoring"),
    Program("check-mk-agent check_mk", "Checkmk agent", "monitoring"),
    Program("collectd", "collectd", "monitoring"),
    Program("glances", "Glances", "monitoring"),
    Program("grafana grafana-server", "Grafana", "monitoring"),
    Program("jaeger jaeger-all-in-one", "Jaeger", "monitoring"),
    Program("kibana", "Kibana", "monitoring"),
    Program("logstash fluentd fluent-bit vector filebeat", "", "monitoring"),
    Program("loki promtail alloy", "Loki", "monitoring"),
    Program("monit", "Monit", "monitoring"),
    Program("munin munin-node", "Munin node", "monitoring"),
    Program("netdata", "Netdata", "monitoring"),
    Program("node_exporter node-exporter prometheus-node", "Node exporter", "monitoring"),
    Program("nrpe nagios-nrpe-server", "NRPE", "monitoring"),
    Program("otelcol otelcol-contrib opentelemetry-collector", "OpenTelemetry", "monitoring"),
    Program("prometheus", "Prometheus", "monitoring"),
    Program("rsyslog rsyslogd syslog syslog-ng syslog-tls", "Syslog", "monitoring"),
    Program("snmp snmpd", "SNMP agent", "monitoring"),
    Program("telegraf", "Telegraf", "monitoring"),
    Program("uptime-kuma", "Uptime Kuma", "monitoring"),
    Program("zabbix-agent zabbix_agentd zabbix_agent2 zabbix-agent2", "Zabbix agent", "monitoring"),
    Program("zabbix-server zabbix_server zabbix-trapper", "Zabbix server", "monitoring"),
    Program("dante danted sockd socks microsocks", "SOCKS proxy", "proxy"),
    Program("envoy", "Envoy", "proxy"),
    Program("haproxy", "HAProxy", "proxy"),
    Program("kube-proxy", "Kubernetes proxy", "proxy"),
    Program("nginx-proxy-manager", "Nginx Proxy Manager", "proxy"),
    Program("pgbouncer", "PgBouncer", "proxy"),
    Program("proxy", "", "proxy"),
    Program("proxysql", "ProxySQL", "proxy"),
    Program("squid tinyproxy privoxy", "", "proxy"),
    Program("stunnel stunnel4", "stunnel", "proxy"),
    Program("traefik", "Traefik", "proxy"),
    Program("xray v2ray sing-box ss-server", "", "proxy"),
    Program("activemq artemis", "ActiveMQ", "queue"),
    Program("beanstalkd", "beanstalkd", "queue"),
    Program("kafka redpanda", "Kafka", "queue"),
    Program("mosquitto eclipse-mosquitto mqtt", "Mosquitto (MQTT)", "queue"),
    Program("nats nats-server", "NATS", "queue"),
    Program("queue broker", "", "queue"),
    Program("rabbitmq rabbitmq-server amqp amqps", "RabbitMQ", "queue"),
    Program("zookeeper quorumpeermain", "ZooKeeper", "queue"),
    Program("anydesk rustdesk teamviewerd", "", "remote"),
    Program("dropbear", "Dropbear", "remote"),
    Program("guacd guacamole", "Guacamole", "remote"),
    Program("ssh sshd openssh-server", "OpenSSH", "remote"),
    Program("telnet telnetd in.telnetd", "Telnet", "remote"),
    Program("ttyd wetty", "Web terminal", "remote"),
    Program("vnc x11vnc xtigervnc xvnc vino-server", "VNC", "remote"),
    Program("xorg x11", "X server", "remote"),
    Program("xrdp xrdp-sesman ms-wbt-server", "Remote desktop", "remote"),
    Program("chrony chronyd ntp ntpd ntpsec openntpd systemd-timesyncd", "NTP", "system"),
    Program("cockpit cockpit-ws cockpit-tls", "Cockpit", "system"),
    Program("consul", "Consul", "system"),
    Program("containerd", "containerd", "system"),
    Program("cups cupsd cups-browsed ipp", "CUPS", "system"),
    Program("dhclient dhcpcd bootpc systemd-networkd networkmanager", "DHCP client", "system"),
    Program("dhcpd isc-dhcp-server kea-dhcp4 bootps", "DHCP server", "system"),
    Program("docker dockerd", "Docker", "system"),
    Program("epmd", "Erlang port mapper", "system"),
    Program("freeradius radiusd radius", "RADIUS", "system"),
    Program("gpsd", "gpsd", "system"),
    Program("k3s k3s-server k0s kubelet", "Kubernetes node", "system"),
    Program("krb5kdc kadmind kerberos", "Kerberos", "system"),
    Program("ldap ldaps slapd", "LDAP", "system"),
    Program("libvirtd virtqemud lxd incusd", "", "system"),
    Program("nomad", "Nomad", "system"),
    Program("portainer portainer-ce", "Portainer", "system"),
    Program("puppet puppetserver", "Puppet", "system"),
    Program("pveproxy pvedaemon spiceproxy", "Proxmox VE", "system"),
    Program("rpcbind sunrpc", "rpcbind", "system"),
    Program("salt-master", "Salt", "system"),
    Program("upsd nut", "Network UPS Tools", "system"),
    Program("vault openbao", "Vault", "system"),
    Program("webmin miniserv", "Webmin", "system"),
    Program("artisan", "Laravel development server", "test", "development"),
    Program("iperf iperf3", "iperf", "test"),
    Program("manage.py", "Django development server", "test", "development"),
    Program("nc ncat netcat nc.openbsd nc.traditional socat", "netcat", "test"),
    Program("php-server", "PHP development server", "test", "development"),
    Program("vite webpack webpack-dev-server parcel esbuild", "", "test", "development"),
    Program("chisel rathole ngrok", "", "tunnel"),
    Program("cloudflared", "Cloudflare tunnel", "tunnel"),
    Program("frpc", "frp client", "tunnel"),
    Program("frps", "frp server", "tunnel"),
    Program("geneve vxlan l2tp xl2tpd gtp", "", "tunnel"),
    Program("openvpn openvpn-server openvpn-client", "OpenVPN", "tunnel", "vpn"),
    Program("ssh-forward", "SSH forward", "tunnel"),
    Program("strongswan charon charon-systemd isakmp", "IPsec", "tunnel", "vpn"),
    Program("tailscale tailscaled", "Tailscale", "tunnel", "vpn"),
    Program("tor", "Tor", "tunnel"),
    Program("wireguard wg-quick", "WireGuard", "tunnel", "vpn"),
    Program("zerotier-one zerotier", "ZeroTier", "tunnel", "vpn"),
    Program("adminer phpmyadmin pgadmin pgadmin4", "", "web"),
    Program("apache apache2 httpd", "Apache", "web"),
    Program("caddy", "Caddy", "web"),
    Program("code-server openvscode-server", "Code server", "web", "development"),
    Program("flask", "Flask", "web"),
    Program("gitea forgejo", "Gitea", "web"),
    Program("gitlab gitlab-ce gitlab-ee", "GitLab", "web"),
    Program("gunicorn uvicorn hypercorn daphne granian waitress-serve uwsgi", "", "web"),
    Program("home-assistant homeassistant hass", "Home Assistant", "web"),
    Program("http https http-alt web www website frontend", "", "web"),
    Program("http.server", "http.server", "web"),
    Program("immich immich-server", "Immich", "web"),
    Program("jellyfin emby", "Jellyfin", "web", "media"),
    Program("jenkins", "Jenkins", "web"),
    Program("jetty", "Jetty", "web"),
    Program("jupyter jupyter-lab jupyter-notebook jupyterhub", "Jupyter", "web"),
    Program("lighttpd", "lighttpd", "web"),
    Program("n8n node-red nodered", "", "web"),
    Program("next-server next", "Next.js", "web"),
    Program("nextcloud owncloud", "Nextcloud", "web"),
    Program("nginx openresty", "nginx", "web"),
    Program("paperless-ngx", "Paperless", "web"),
    Program("php-fpm", "PHP-FPM", "web"),
    Program("plex plexmediaserver pms-docker", "Plex", "web", "media"),
    Program("puma unicorn rails", "", "web"),
    Program("streamlit", "Streamlit", "web"),
    Program("tomcat tomcat9 tomcat10 catalina", "Tomcat", "web"),
    Program("vaultwarden", "Vaultwarden", "web"),
    Program("wordpress", "WordPress", "web"),
]
EXPORTER = Program("", "", "monitoring")  # node_exporter, postgres-exporter: hundreds of them

BY_NAME = {name: program for program in PROGRAMS for name in program.names.split()}
BY_CUT_NAME = {name[:KERNEL_CUTS_AT]: BY_NAME[name] for name in BY_NAME}


def without_version(name: str) -> str:
    """
    Return a name in lower case without the version at its end.

    >>> without_version("python3.11"), without_version("php-fpm8.2")
    ('python', 'php-fpm')
    """
    return VERSION.sub("", name.lower())


def find(name: str) -> Program | None:
    """
    Return the program of that name, None if it is no widely used one.

    >>> find("PostgreSQL-15").title, find("systemd-resolve").title
    ('PostgreSQL', 'systemd-resolved')
    """
    key = name.lower()
    program = BY_NAME.get(key) or BY_CUT_NAME.get(key) or BY_NAME.get(without_version(key))
    return program or (EXPORTER if key.endswith("exporter") else None)
