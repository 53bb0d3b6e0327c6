"""All settings, from the environment only. Wrong values are reported by portal.checks, not by a trace here."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import pghistory
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from portal.folders import address_of, folder_for
from portal.headers import STRICT
from portal.navigation import NAVIGATION
from portal.stack.programs import DRAINING

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _flag(name: str, default: bool) -> bool:
    """A yes/no variable; a value that is neither counts as the default and is reported by portal.checks."""
    value = env.str(name, "").strip().lower()
    return default if value not in TRUE + FALSE else value in TRUE


def _number(name: str, default: int) -> int:
    """A whole number; anything else counts as the default and is reported by portal.checks."""
    value = env.str(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() else default


TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")

DATA_DIR = Path(env.str("DATA_DIR", "") or BASE_DIR / "var")


def _servers() -> dict[str, str]:
    """What a running stack left in DATA_DIR: database_url, redis_url, secret_key. Empty where none runs."""
    try:
        return dict(json.loads((DATA_DIR / "servers.json").read_text()))
    except (OSError, ValueError):
        return {}


_running = _servers()

PRODUCTION = _flag("PRODUCTION", False)
DEBUG = _flag("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or ("" if PRODUCTION else _running.get("secret_key", ""))
SECRET_KEY_IS_MADE_UP = not SECRET_KEY
if SECRET_KEY_IS_MADE_UP:
    # Commands that need no secret (help, check) still work; checks refuse this in production.
    SECRET_KEY = "chargeward-development-only-" + "0" * 32
HOST = env.str("HOST", "127.0.0.1")
PORT = _number("PORT", 8000)
WEB_WORKERS = _number("WEB_WORKERS", 2)
ALLOWED_HOSTS = [host for host in env.str("ALLOWED_HOSTS", "").replace(" ", "").split(",") if host] or (
    [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", HOST]
)
CSRF_TRUSTED_ORIGINS = [origin for origin in env.str("CSRF_TRUSTED_ORIGINS", "").replace(" ", "").split(",") if origin]

# Whoever answers chargers begins with that, and loads the portal's pages (portal.urls) beside it: they take a third of
# the start. The follower has none.
_PAGES_LATER = "portal.wsgi" in sys.modules or sys.argv[1:2] == ["follow"]
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin.apps.SimpleAdminConfig" if _PAGES_LATER else "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "import_export",
    "pghistory",
    "pgtrigger",
    "rest_framework",
    "portal.login",
    "locations",
    "tokens",
    "authorization",
    "imports",
    "chargers",
    "subscriptions",
    "people",
]

MIDDLEWARE = [
    "portal.logs.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.language.LanguageMiddleware",
    "portal.login.floods.FloodMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.headers.SizeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "portal.in_force.InForceMiddleware",
    "axes.middleware.AxesMiddleware",
]

# What a charger's question passes: no session, no form, no edit that history would tell of.
CHARGING_MIDDLEWARE = ["portal.charging.ChargingMiddleware"]

ROOT_URLCONF = "portal.urls"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["locations.admin_format"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASE_URL = env.str("DATABASE_URL", "") or _running.get("database_url", "")
REDIS_URL = env.str("REDIS_URL", "") or _running.get("redis_url", "")


# Seconds to wait for a connection. portal.wsgi sets 2: a charger is told 503 rather than kept waiting.
POOL_TIMEOUT = _number("DATABASE_POOL_TIMEOUT", 10)


def _database(url: str) -> dict[str, Any]:
    """Django's settings for a postgres:// URL. A wrong URL gives a name that cannot connect; checks say what to set."""
    try:
        parsed = environ.Env.db_url_config(url) if url else {}
    except (ValueError, KeyError, environ.ImproperlyConfigured):
        parsed = {}
    parsed["ENGINE"] = "django.db.backends.postgresql"
    parsed.setdefault("NAME", "chargeward")
    # A pool bounds what one process may take from the server; the timeouts keep a charger's question short.
    # CONN_MAX_AGE must be 0 with a pool: the pool keeps the connections.
    parsed["CONN_MAX_AGE"] = 0
    # A connection that died with its server is replaced when it is taken, not found out by a request.
    parsed["CONN_HEALTH_CHECKS"] = True
    pool = {"min_size": 1, "max_size": _number("DATABASE_POOL_SIZE", 8), "timeout": POOL_TIMEOUT, "max_lifetime": 1800}
    parsed["OPTIONS"] = parsed.get("OPTIONS", {}) | {
        "pool": pool,
        "connect_timeout": 3,
        "application_name": "chargeward",
    }
    return parsed


DATABASES = {"default": _database(DATABASE_URL)}

# `manage.py drain` makes it before a node is stopped; /readyz then has the proxy ask others. For so long, at least:
DRAINING_FILE = DATA_DIR / DRAINING
DRAIN_SECONDS = _number("DRAIN_SECONDS", 5)
# The compiled copy and the spool of this node, each database's in a folder of its own.
DATABASE_ADDRESS = address_of(DATABASE_URL)
CACHE_FOLDER = folder_for(DATA_DIR / "cache", DATABASE_URL)
SPOOL_FOLDER = folder_for(DATA_DIR / "spool", DATABASE_URL)
METRICS_FOLDER = DATA_DIR / "metrics"
# Who may read /metrics without a key: addresses of an internal network, as 10.0.0.0/8, seen without a proxy between.
METRICS_NETWORKS = [network for network in env.str("METRICS_NETWORKS", "").replace(" ", "").split(",") if network]
# As which party, like NL-CHW, the portal registers with a partner in whose scope there are several, or all.
OCPI_PARTY = env.str("OCPI_PARTY", "") or "NL-CHW"
# Networks that are not public and that partners' platforms may be in: what is pushed goes to no other such address.
PUSH_ALLOWED_NETWORKS = [n for n in env.str("PUSH_ALLOWED_NETWORKS", "").replace(" ", "").split(",") if n]
# Well-formed questions are answered before Django; off, by the API's views alone, which answer the same.
AUTHORIZE_FRONT = _flag("AUTHORIZE_FRONT", True)
# Without a look at the database for so long, the copy is not answered from: a card may have been blocked since.
CACHE_STALE_AFTER_MS = _number("CACHE_STALE_AFTER_MS", 1500)
# How long decisions stay in the log, and what was in use, and commands.
LOG_KEPT_DAYS = _number("LOG_KEPT_DAYS", 90)
# How long the history says whom it is about; its rows stay. 0: for ever.
HISTORY_NAMES_KEPT_DAYS = _number("HISTORY_NAMES_KEPT_DAYS", 1095)
# How long rows and file of an import stay; that there was one, for ever.
IMPORT_ROWS_KEPT_DAYS = _number("IMPORT_ROWS_KEPT_DAYS", 7)
# How long it is known what was sent to partners once, and what they did not take.
DELIVERIES_KEPT_DAYS = _number("DELIVERIES_KEPT_DAYS", 7)
# How long partners' sessions and CDRs stay. 0: for ever. Accounts are made of CDRs: ten years are the longest we know.
SESSIONS_KEPT_DAYS = _number("SESSIONS_KEPT_DAYS", 365)
CDRS_KEPT_DAYS = _number("CDRS_KEPT_DAYS", 3650)
# Answers in a minute that a token is unknown, after which a key is told nothing more (429) until the minute is over.
# A CPO's key asks for many chargers. 0: any number.
UNKNOWN_TOKENS_PER_STATION = _number("UNKNOWN_TOKENS_PER_STATION", 100)
UNKNOWN_TOKENS_PER_CPO = _number("UNKNOWN_TOKENS_PER_CPO", 1000)
# What else follows the revisions, in the follower's process: functions that run until the event they are given is set.
BESIDE_THE_FOLLOWER = ["chargers.watch.watch", "subscriptions.push.watch.watch"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
# Nobody is granted anything without a log-in, so guardian needs no anonymous user of its own.
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# A working day; and never longer than the user may get in (portal.login).
SESSION_ENGINE = "portal.login.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
# In production an Admin needs a second factor in any case.
SECOND_FACTOR_FOR_ALL = _flag("SECOND_FACTOR_FOR_ALL", False)
OTP_TOTP_ISSUER = "Chargeward"
LOG_INS_KEPT_DAYS = _number("LOG_INS_KEPT_DAYS", 90)
# How many of our own proxies stand before a node, each of which adds to X-Forwarded-For whom it saw.
PROXIES = _number("PROXIES", 1 if PRODUCTION else 0)

# Forms that one address may post at the door in a minute, whatever comes of them. 0: any number.
LOG_IN_FORMS_PER_MINUTE = _number("LOG_IN_FORMS_PER_MINUTE", 60)

# Guesses are counted by name and address together: nobody is locked out by what somebody else tries.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "portal.login.clients.counted_address"
AXES_USERNAME_CALLABLE = "portal.login.clients.counted_name"
AXES_LOCKOUT_CALLABLE = "portal.login.clients.as_it_was_answered"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
AXES_VERBOSE = AXES_ENABLE_ADMIN = False
# The log is portal.login's.
AXES_DISABLE_ACCESS_LOG = True

# Deletions too: an auditor asks who took a card off a list.
PGHISTORY_DEFAULT_TRACKERS = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "portal.formats"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", "") or DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "authorization.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["authorization.api.permissions.MayManage"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["authorization.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "authorization.api.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "authorization.api.filters.Search",
    ],
    "EXCEPTION_HANDLER": "authorization.api.errors.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chargeward",
    "DESCRIPTION": "Who may charge where: what CPOs and eMSPs manage, and the question every charger asks.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Who sees an object by name alone gets fewer fields.
    "COMPONENT_NO_READ_ONLY_REQUIRED": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "authorization.api.schema.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ErasureKind": "people.models.Erasure.Kind",
        "ImportKind": "imports.models.Kind",
        "ImportStatus": "imports.models.Status",
        "Module": "subscriptions.models.Module",
        "AnswerStatus": [("accepted", "accepted"), ("rejected", "rejected")],
    },
    # From our own static files.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "GET_LIB_DOC_EXCLUDES": "authorization.api.schema.undescribed",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024


def _broker(url: str) -> str:
    """The URL in Celery's words, which takes a rediss:// server's certificate unseen unless it is told not to."""
    url = url.replace("unix://", "redis+socket://", 1)
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:
        url += ("&" if "?" in url else "?") + "ssl_cert_reqs=required"
    return url


CELERY_BROKER_URL = _broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Beat notes each run as it was, not every three minutes: `doctor` looks at it.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"authorization.tasks.{name}", "schedule": timedelta(hours=hours)}
    for name, hours in (("forget_changes", 1), ("forget_spools", 24), ("forget_presented", 1), ("look_after_log", 12))
} | {
    # Finds imports whose task was lost, or whose worker was killed.
    "look_after_imports": {"task": "imports.tasks.look_after", "schedule": timedelta(seconds=10)},
    "forget_messages": {"task": "chargers.tasks.forget_messages", "schedule": timedelta(hours=1)},
    # Finds deliveries whose wake-up was lost, and tries again what failed.
    "look_after_push": {"task": "subscriptions.tasks.look_after", "schedule": timedelta(seconds=5)},
    "expire_pushed_tokens": {"task": "subscriptions.tasks.expire_tokens", "schedule": timedelta(minutes=1)},
    "forget_deliveries": {"task": "subscriptions.tasks.forget", "schedule": timedelta(hours=1)},
    "forget_imports": {"task": "imports.tasks.forget", "schedule": timedelta(hours=1)},
    "forget_log_ins": {"task": "portal.login.tasks.forget", "schedule": timedelta(hours=1)},
    # What of an erasure waits for somebody to hear of it.
    "finish_erasures": {"task": "people.tasks.finish", "schedule": timedelta(minutes=5)},
    "age_history": {"task": "people.tasks.age", "schedule": timedelta(hours=24)},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TIMEZONE = "UTC"
# Logs as the settings say, not as Celery would have them.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False


def _email(url: str) -> dict[str, Any]:
    """Django's settings for EMAIL_URL; a wrong one sends nothing, and checks say what to set."""
    try:
        return dict(environ.Env.email_url_config(url))
    except (ValueError, environ.ImproperlyConfigured):
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}


# Without a mail server letters are printed by the worker, into its log: for development.
EMAIL_URL = env.str("EMAIL_URL", "")
_mail = _email(EMAIL_URL or "consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_TLS")), bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", "") or "chargeward@localhost"

# The broker of chargers that speak Josev's messages (manage.py josev_bridge).
MQTT_URL = env.str("MQTT_URL", "")
MQTT_VERSION = env.str("MQTT_VERSION", "") or "5"
MQTT_CLIENT_ID = env.str("MQTT_CLIENT_ID", "") or "chargeward"
MQTT_CA_FILE = env.str("MQTT_CA_FILE", "")
MQTT_API_KEY = env.str("MQTT_API_KEY", "")

# Where chargers that speak OCPP connect (manage.py ocpp_gateway).
OCPP_HOST = env.str("OCPP_HOST", "") or "127.0.0.1"
OCPP_PORT = _number("OCPP_PORT", 9000)

# Files of imports are streamed to disk; a million rows of tokens are 50 to 150 MB.
IMPORT_MAX_BYTES = _number("IMPORT_MAX_MEGABYTES", 512) * 1024 * 1024

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
# What programs and probes are told instead, portal.headers says.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": STRICT}

# One JSON object a line, for what collects logs; or lines to read.
LOG_FORMAT = env.str("LOG_FORMAT", "") or ("json" if PRODUCTION else "line")
# A line for each request but the chargers' questions, which the authorization log has.
LOG_REQUESTS = _flag("LOG_REQUESTS", False)
# Where traces go, in OpenTelemetry's own words; it reads its other variables itself. None: no traces.
TRACES_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "") or env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
TRACES = (
    bool(TRACES_ENDPOINT)
    and not _flag("OTEL_SDK_DISABLED", False)
    and env.str("OTEL_TRACES_EXPORTER", "").strip().lower() != "none"
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "portal.logs.WithRequestId"}, "sparing": {"()": "portal.logs.Sparing"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "portal.logs.AsJson"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "line",
            "filters": ["request"],
        },
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.request": {"filters": ["sparing"]},
        # They log whole messages, with ids of cards in them; what goes wrong, chargers.ocpp says itself.
        "ocpp": {"level": "CRITICAL"},
        "websockets": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
    },
}


UNFOLD = {
    "SITE_TITLE": "Chargeward",
    "SITE_HEADER": "Chargeward",
    "SITE_SUBHEADER": _("Who may charge where"),
    "SITE_SYMBOL": "ev_station",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("icon.svg")}],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "portal.dashboard.home",
    "STYLES": [lambda request: static("chargeward.css")],
    "SCRIPTS": [lambda request: static("chargeward.js"), lambda request: static("labels.js")],
    "SIDEBAR": {"navigation": NAVIGATION},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("second_factor")},
        ],
    },
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "15 118 110",
            "700": "17 94 89",
            "800": "19 78 74",
            "900": "16 64 61",
            "950": "4 47 46",
        },
    },
}
