"""
Settings: one file for the laptop, the server and the container.

Everything that may differ is read from the environment here and nowhere else;
README.md has the table of names and defaults.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from collector.machine import host_name
from collector.sweep import HOST_ID
from portatlas import datadir, env
from portatlas.version import version

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = datadir.prepare(Path(env.text("PORTATLAS_DATA", str(datadir.usual(BASE_DIR)))))

DEBUG = env.flag("PORTATLAS_DEBUG", default=False)
SECRET_KEY = env.text("PORTATLAS_SECRET_KEY", "") or datadir.secret_key(DATA_DIR)
PORTATLAS_SECRET_KEY_SOURCE = env.source("PORTATLAS_SECRET_KEY")  # "": the data directory
ALLOWED_HOSTS = [
    env.must_match("PORTATLAS_ALLOWED_HOSTS", name, r"\*|[\w.:\[\]-]+")
    for name in env.words("PORTATLAS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
]

# The host this process looks at, and how. The interval itself is a row that the admin can edit.

PORTATLAS_HOST_ID = env.matching("PORTATLAS_HOST_ID", host_name(), HOST_ID)
PORTATLAS_SS_TIMEOUT = env.number("PORTATLAS_SS_TIMEOUT", 10, least=1)  # seconds
PORTATLAS_ALIVE_EVERY = env.number("PORTATLAS_ALIVE_EVERY", 3600, least=60)  # seconds

INSTALLED_APPS = [
    "portatlas.apps.AtlasConfig",
    "collector",
    "notes",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py finds the pages: tasks need none
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_celery_beat",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "portatlas.contexts.reservations",
    "portatlas.notifications",
    "portatlas.tokens",
    "rest_framework",
    "simple_history",
]

MIDDLEWARE = [
    "portatlas.api.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "portatlas.health.HealthMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "portatlas.api.refusals.RefusalsMiddleware",
    "portatlas.nul.NulMiddleware",
]

ROOT_URLCONF = "portatlas.urls"
WSGI_APPLICATION = "portatlas.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Where ports are looked for that are requested without saying where.

PORTATLAS_PORT_RANGE = env.matching("PORTATLAS_PORT_RANGE", "8000-32767", "[0-9]{1,5}-[0-9]{1,5}")

# Storage. SQLite in WAL mode serves one host well: one writer, many readers. A transaction
# that reads before it writes must take the write lock first (IMMEDIATE), or two of them deadlock.

DATABASES = {
    "default": env.database("DATABASE_URL")
    or {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / datadir.DATABASE},
}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}  # seconds
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Tasks. Without Redis the queue is files in the data directory.

CELERY_BROKER_URL = env.matching_url("PORTATLAS_BROKER_URL", "files://", r"files://|rediss?://.+")
if CELERY_BROKER_URL == "files://":
    CELERY_BROKER_TRANSPORT_OPTIONS = {"folder": str(DATA_DIR / "queue")}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "portatlas.scheduler:SharedScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 60  # seconds until beat notices an edit, if no sweep wakes it
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # none are kept: no clean-up task in the schedule
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Notifications, and the mail server for those that are e-mail.

PORTATLAS_URL = env.matching("PORTATLAS_URL", "", r"(https?://[^\s/?#@]+(/[^\s?#]*)?)?").rstrip("/")
PORTATLAS_WEBHOOKS_PRIVATE = env.flag("PORTATLAS_WEBHOOKS_PRIVATE", default=False)
PORTATLAS_NOTIFY_ATTEMPTS = env.number("PORTATLAS_NOTIFY_ATTEMPTS", 10, least=1)
PORTATLAS_NOTIFY_BACKOFF = env.number("PORTATLAS_NOTIFY_BACKOFF", 60, least=1)  # seconds
PORTATLAS_NOTIFY_KEEP = env.number("PORTATLAS_NOTIFY_KEEP", 90, least=1)  # days
EMAIL_HOST = env.text("PORTATLAS_SMTP_HOST", "")
EMAIL_SECURITY = env.matching("PORTATLAS_SMTP_SECURITY", "starttls", "none|starttls|tls")
EMAIL_PORT = env.number(
    "PORTATLAS_SMTP_PORT", {"none": 25, "starttls": 587, "tls": 465}[EMAIL_SECURITY], least=1
)
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
EMAIL_HOST_USER = env.text("PORTATLAS_SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.text("PORTATLAS_SMTP_PASSWORD", "")
DEFAULT_FROM_EMAIL = env.text("PORTATLAS_MAIL_FROM", "Port Atlas <portatlas@localhost>")

# What is counted for a minute or so: requests to the API. In the memory of a process, or in Redis.

PORTATLAS_CACHE_URL = env.matching_url(
    "PORTATLAS_CACHE_URL",
    CELERY_BROKER_URL if CELERY_BROKER_URL != "files://" else "memory://",
    r"memory://|rediss?://.+",
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
    if PORTATLAS_CACHE_URL == "memory://"
    else {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": PORTATLAS_CACHE_URL,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},  # seconds
    }
}

RATE = r"[1-9][0-9]{0,6}/(sec|min|hour|day)"
PORTATLAS_API_RATE = env.matching("PORTATLAS_API_RATE", "1200/min", RATE)
PORTATLAS_API_ANONYMOUS_RATE = env.matching("PORTATLAS_API_ANONYMOUS_RATE", "60/min", RATE)

# People. Every page is private unless it says otherwise.

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "portatlas.lockout.username"
AXES_CLIENT_IP_CALLABLE = "portatlas.lockout.address"
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "board"
LOGOUT_REDIRECT_URL = "login"

# The browser. No page, the admin included, runs or styles anything that is not a file of ours.

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True

# Behind HTTPS (a reverse proxy that sets X-Forwarded-Proto) nothing travels in clear.

HTTPS = env.flag("PORTATLAS_HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# HSTS for subdomains and preload lists bind names that are not ours: the proxy's decision.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by a supervisor, not through the proxy
CSRF_TRUSTED_ORIGINS = [
    f"https://{host}" for host in ALLOWED_HOSTS if HTTPS and not host.startswith(("*", "."))
]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves what the packages ship: there is nothing to collect

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20  # bytes of a body that is no file, of the API too
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portatlas.tokens.authentication.Bearer",  # the first one answers 401
        "portatlas.api.authentication.Basic",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portatlas.api.permissions.Allowed"],
    "DEFAULT_THROTTLE_CLASSES": ["portatlas.api.throttling.ByCaller"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portatlas.api.parsers.StrictJSON"],
    "DEFAULT_PAGINATION_CLASS": "portatlas.api.pagination.Pages",
    "EXCEPTION_HANDLER": "portatlas.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,  # the header Accept says it
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Port Atlas",
    "VERSION": version(),
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["portatlas.api.schema.ours"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portatlas.api.schema.with_words",
        "portatlas.api.schema.with_keys",
        "portatlas.api.schema.with_links",
        "portatlas.api.schema_problems.with_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # asks nobody else
    "REDOC_DIST": "SIDECAR",
}
MIGRATION_MODULES = {"knox": None}  # of its own table, which ours stands for, there is no need
KNOX_TOKEN_MODEL = "tokens.Token"  # noqa: S105  # the name of a model
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "atlas_", "TOKEN_TTL": None}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

LOG_LEVEL = env.matching("PORTATLAS_LOG_LEVEL", "INFO", "DEBUG|INFO|WARNING|ERROR|CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
