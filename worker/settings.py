"""Every setting, read once from the environment (or a `.env` file); Django and Celery both read this module."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from worker import values
from worker.errors import BroadsheetError
from worker.home import read_running, read_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "worker.settings")
ROOT = Path(__file__).resolve().parent.parent
env = environ.Env()


def read_env_file(file: Path) -> None:
    """Add what a `.env` file says to the environment, which goes first; raises BroadsheetError if it is not text."""
    try:
        environ.Env.read_env(file)
    except UnicodeDecodeError as error:
        raise BroadsheetError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


# Nothing that a mail, a header or a cookie would read as its own: no user name, and an IDN in its xn-- form.
_SITE = re.compile(r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def read_base_url() -> str:
    """Return BASE_URL without a final slash; raises BroadsheetError unless it is http(s)://host[:port]."""
    url = (env.str("BASE_URL", default="") or RUNNING.get("site") or "http://127.0.0.1:8000").rstrip("/")
    if not _SITE.fullmatch(url) or not values.has_port(url):
        raise BroadsheetError(f"BASE_URL {url!r}: give the site's address alone, e.g. https://news.example.org")
    return url


_DATABASES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
# A PostgreSQL that is cut off without a word is given up 15 seconds after something was sent to it, and after 45 where an answer is
# waited for. The kernel would take a quarter of an hour, or two hours, and one thread may wait there for many. These are options of
# this side's sockets, of which a pooler sees nothing (https://www.postgresql.org/docs/current/libpq-connect.html).
_LOST_SERVER = {"tcp_user_timeout": 15_000, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}  # ms, s, s


def read_database(home: Path) -> dict[str, object]:
    """Return Django's DATABASES entry for DATABASE_URL: sqlite or postgres, nothing else."""
    default = f"sqlite:///{home / 'broadsheet.sqlite3'}"
    url = env.str("DATABASE_URL", default="") or default
    try:  # an unknown scheme first: the library would print the address, password and all
        database: dict[str, Any] = environ.Env.db_url_config(url) if url.partition(":")[0] in _DATABASES else {}
    except Exception as error:  # its words may quote a piece of the password
        raise BroadsheetError("DATABASE_URL cannot be read: write it as postgres://user:password@host:5432/name, with "
                              "signs such as / # @ : in the password as %2F %23 %40 %3A") from error
    engine = database.get("ENGINE", "")
    if engine.endswith("sqlite3"):
        # IMMEDIATE: a writer waits for its turn at BEGIN instead of failing half-way with "database is locked".
        database["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": read_number("DATABASE_WAIT_SECONDS", 30, 1, 300),
                               "init_command": "PRAGMA journal_mode=WAL;"}
    elif engine.endswith("postgresql"):
        database["OPTIONS"] = {**_LOST_SERVER, **database.get("OPTIONS", {}), "connect_timeout": 10}
        database["CONN_HEALTH_CHECKS"] = True
    else:
        raise BroadsheetError("DATABASE_URL: only sqlite:///file and postgres://user:password@host/name are supported")
    database["CONN_MAX_AGE"] = 60  # seconds
    return database


def read_redis_url() -> str:
    """Return REDIS_URL, "" if none is given; raises BroadsheetError, without its password, unless it is one."""
    url: str = env.str("REDIS_URL", default="")
    if url and (not values.has_port(url) or urlsplit(url).scheme not in ("redis", "rediss")):
        raise BroadsheetError("REDIS_URL: give redis://:password@host:6379/0 (rediss:// with TLS), or leave it out to "
                              "use the embedded one")
    return url


def child_environment(*, port: int, redis_url: str) -> dict[str, str]:
    """Return the environment for the programs that make up the service: this one's, with where site and broker are."""
    given = {"DJANGO_SETTINGS_MODULE": __name__, "REDIS_URL": redis_url}
    if not env.str("BASE_URL", default=""):
        given["BASE_URL"] = f"http://127.0.0.1:{port}"
    return {**os.environ, **given}


def web_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the web server: who waits for a page is told to come back before a worker would give up."""
    return {"DATABASE_WAIT_SECONDS": "5", **environment}


def read_feeds_file(home: Path) -> Path:
    """Return FEEDS_FILE; else the home's own feeds.toml, as a demo's home has one; else the project's."""
    own = home / "feeds.toml"
    try:
        default = own if own.is_file() else ROOT / "feeds.toml"
    except OSError as error:
        raise BroadsheetError(f"BROADSHEET_HOME {home}: cannot be read ({error.strerror}); "
                              "set BROADSHEET_HOME to a directory this user owns") from error
    return Path(env.str("FEEDS_FILE", default="") or default).expanduser().resolve()


def name_command(command: str) -> str:
    """Return a `broadsheet` command as it is typed here: with its path, and with BROADSHEET_HOME unless that is ./var."""
    program = Path(sys.executable).with_name("broadsheet")
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    home = "" if Path("var").resolve() == BROADSHEET_HOME else f"BROADSHEET_HOME={shlex.quote(str(BROADSHEET_HOME))} "
    return f"{home}{shlex.quote(str(shown))} {command}"


def read_test_addresses() -> list[str]:
    """Return who may get test mails: addresses, or "@" and a domain; raises BroadsheetError naming the one that is neither."""
    given = [one.strip().lower() for one in env.list("TEST_ADDRESSES", default=[]) if one.strip()]
    for one in given:
        if not re.fullmatch(r"[^\s@<>,;\"]*@[a-z0-9-]+(\.[a-z0-9-]+)+", one):
            raise BroadsheetError(f"TEST_ADDRESSES: {one!r} is neither an address such as chief@example.org nor a domain such as "
                                  "@example.org; put commas between them")
    return given


def read_number(name: str, default: int, least: int, most: int) -> int:
    """Return an integer setting; raises BroadsheetError naming the limits."""
    try:
        number: int = env.int(name, default=default)
    except ValueError as error:
        raise BroadsheetError(f"{name}: give a whole number from {least} to {most}") from error
    if not least <= number <= most:
        raise BroadsheetError(f"{name} is {number}: give a whole number from {least} to {most}")
    return number


def find_origin(name: str) -> str:
    """Return where a setting comes from: the environment, the `.env` file, or "" for what it is when it is not given."""
    return "" if not os.environ.get(name) else "the environment" if name in _GIVEN else ".env"


_GIVEN = frozenset(os.environ)
read_env_file(Path.cwd() / ".env")

# -- where things are ---------------------------------------------------------------------------------------------
BROADSHEET_HOME = Path(env.str("BROADSHEET_HOME", default="") or "var").expanduser().resolve()
FEEDS_FILE = read_feeds_file(BROADSHEET_HOME)
TEMPLATES_DIR = ROOT / "templates"
RUNNING = read_running(BROADSHEET_HOME)
BASE_URL = read_base_url()

# -- secrets ------------------------------------------------------------------------------------------------------
SECRET_KEY = read_secret_key(BROADSHEET_HOME, env.str("SECRET_KEY", default=""))
SECRET_KEY_FALLBACKS = [values.check_secret_key(key, "a key in SECRET_KEY_FALLBACKS")  # old keys: old mails' links still work
                        for key in env.list("SECRET_KEY_FALLBACKS", default=[])]

# -- readers ------------------------------------------------------------------------------------------------------
SIGNUP_NETWORK_LIMIT = read_number("SIGNUP_NETWORK_LIMIT", 20, 1, 1_000_000)  # sign-ups an hour from one network
SIGNUP_TOTAL_LIMIT = read_number("SIGNUP_TOTAL_LIMIT", 2000, 1, 100_000_000)  # an hour, from everywhere
SIGNUP_BLOCKED_DOMAINS = env.list("SIGNUP_BLOCKED_DOMAINS", default=[])  # addresses there are never written to
LEAVE_MAILTO = values.check_mailbox(env.str("LEAVE_MAILTO", default=""), "LEAVE_MAILTO")  # takes mails that ask to leave
TERMS_NOTICE_DAYS = read_number("TERMS_NOTICE_DAYS", 14, 1, 365)  # between the notice of material terms and their day
ERASURE_JOURNAL = Path(env.str("ERASURE_JOURNAL", default="") or BROADSHEET_HOME / "erasures.jsonl").expanduser().resolve()
KEEP_UNCONFIRMED_DAYS = read_number("KEEP_UNCONFIRMED_DAYS", 30, 7, 365)  # a sign-up nobody confirmed
KEEP_NETWORK_DAYS = read_number("KEEP_NETWORK_DAYS", 90, 1, 3650)  # whole network addresses in the consent ledger
KEEP_EVENTS_DAYS = read_number("KEEP_EVENTS_DAYS", 396, 30, 3650)  # providers' words, measurements, sign-in attempts

# -- news ---------------------------------------------------------------------------------------------------------
FETCH_ALLOW_HOSTS = env.list("FETCH_ALLOW_HOSTS", default=[])  # host or host:port that may be private addresses
FETCH_TIMEOUT_SECONDS = read_number("FETCH_TIMEOUT_SECONDS", 30, 1, 300)  # the whole exchange, redirects and all
FETCH_MAX_BYTES = read_number("FETCH_MAX_BYTES", 8_000_000, 10_000, 100_000_000)  # after inflating
FETCH_RECENT_HOURS = read_number("FETCH_RECENT_HOURS", 96, 1, 8760)  # of a feed's first fetch, what counts as news

# -- summaries by a language model ---------------------------------------------------------------------------------
SUMMARISER_URL = values.check_model_url(env.str("SUMMARISER_URL", default=""))  # empty: the sources' own sentences
SUMMARISER_MODEL = values.check_model_name(env.str("SUMMARISER_MODEL", default=""), SUMMARISER_URL)
SUMMARISER_API_KEY = values.check_key(env.str("SUMMARISER_API_KEY", default=""), "SUMMARISER_API_KEY")
SUMMARISER_TIMEOUT_SECONDS = read_number("SUMMARISER_TIMEOUT_SECONDS", 30, 1, 120)  # one request, to its last byte
SUMMARISER_PROMPT_PRICE = values.check_amount(env.str("SUMMARISER_PROMPT_PRICE", default=""), "SUMMARISER_PROMPT_PRICE")
SUMMARISER_COMPLETION_PRICE = values.check_amount(env.str("SUMMARISER_COMPLETION_PRICE", default=""),
                                                  "SUMMARISER_COMPLETION_PRICE")  # both for a million tokens
SUMMARISER_DAILY_LIMIT = values.check_daily_limit(
    values.check_amount(env.str("SUMMARISER_DAILY_LIMIT", default=""), "SUMMARISER_DAILY_LIMIT"),
    has_prices=bool(SUMMARISER_PROMPT_PRICE or SUMMARISER_COMPLETION_PRICE))

# -- post ---------------------------------------------------------------------------------------------------------
SENDER_URL = env.str("SENDER_URL", default="") or f"maildir:{BROADSHEET_HOME / 'outbox'}"
SENDGRID_API_KEY = env.str("SENDGRID_API_KEY", default="")
SENDGRID_HOST = env.str("SENDGRID_HOST", default="") or "https://api.sendgrid.com"
SENDGRID_WEBHOOK_KEY = env.str("SENDGRID_WEBHOOK_KEY", default="")
POSTAL_ADDRESS = env.str("POSTAL_ADDRESS", default="")
DELIVERY_WORKERS = read_number("DELIVERY_WORKERS", 1, 1, 64)  # processes that send one issue at once, on all machines
CANARY_PERCENT = read_number("CANARY_PERCENT", 1, 0, 50)  # of an issue's copies, the share that goes first
CANARY_MINUTES = read_number("CANARY_MINUTES", 0, 0, 1440)  # how long the rest waits for what is reported of it
DELIVERY_LEASE_SECONDS = read_number("DELIVERY_LEASE_SECONDS", 60, 2, 600)
SEND_RATES = values.read_rates(env.str("SEND_RATES", default=""))  # by mailbox provider; empty: as fast as can be
WARM_UP = values.read_warm_up(env.str("WARM_UP", default=""))  # by day (UTC)
START_GRACE_MINUTES = read_number("START_GRACE_MINUTES", 60, 1, 1440)  # an issue that missed its hour by more is asked about
DKIM_SELECTORS = env.list("DKIM_SELECTORS", default=[])  # under which the relay's keys stand in the DNS
TEST_ADDRESSES = read_test_addresses()  # who may get test mails beside the editor who asks for one
ALARM_ADDRESSES = [values.check_mailbox(one.strip(), "ALARM_ADDRESSES")  # told of what waits for a decision, beside the approvers
                   for one in env.list("ALARM_ADDRESSES", default=[]) if one.strip()]

# -- queue --------------------------------------------------------------------------------------------------------
_given_redis = read_redis_url()
REDIS_IS_EMBEDDED = not _given_redis  # `broadsheet up` starts one and passes its address on
REDIS_URL = _given_redis or RUNNING.get("redis", "")
WORKER_PROCESSES = read_number("WORKER_PROCESSES", 2, 1, 64)
WEB_PROCESSES = read_number("WEB_PROCESSES", 2, 1, 64)
LOG_FORMAT = env.str("LOG_FORMAT", default="")  # text, json, or empty: text on a terminal, JSON otherwise
SENTRY_DSN = env.str("SENTRY_DSN", default="")

# -- Django, used thinly ------------------------------------------------------------------------------------------
_site = urlsplit(BASE_URL)
DEBUG = False
ALLOWED_HOSTS = sorted({str(_site.hostname), "127.0.0.1", "localhost", "[::1]", *env.list("ALLOWED_HOSTS", default=[])})
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "worker.web.errors.csrf_failure"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",
    "worker.storage",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "worker.web.headers.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "worker.web.errors.ErrorsInWordsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "worker.web.urls"
WSGI_APPLICATION = "worker.web.wsgi.application"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [TEMPLATES_DIR],
    "OPTIONS": {
        "context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
            "worker.web.context.site",
        ],
    },
}]
DATABASES = {"default": read_database(BROADSHEET_HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "storage.Editor"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/desk/sign-in/"
LOGIN_REDIRECT_URL = "/desk/"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "worker.web.public.guards.countable_address"
AXES_LOCKOUT_TEMPLATE = "web/desk/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]  # what was typed wrong may be a recovery code but for a letter
AXES_VERBOSE = False
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "worker" / "web" / "static"]
WHITENOISE_USE_FINDERS = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # without a request
SESSION_LONGEST_AGE = 30 * 24 * 3600  # since signing in, however busy: NIST SP 800-63B-4 section 2.1.3 asks for 30 days at most
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]  # nothing to the disk
_https = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
# RFC 8058 section 3.1: a one-click POST is never answered with a redirect, also where the proxy does not say it was https.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^unsubscribe/"]
TRUST_PROXY = env.bool("TRUST_PROXY", default=False)  # see worker.web.wsgi for what of its headers is believed
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # frames of our own are wanted: the newsroom shows the proof in one
LOGGING_CONFIG = None  # worker.logs sets structlog and the standard library up together
