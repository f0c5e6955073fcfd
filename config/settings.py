"""Settings: everything that differs between machines is read from the environment."""

import logging
import sys
from pathlib import Path
from typing import Any

import environ
import pghistory
import pgtrigger

from config.secrets import secret

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# Everything the running system writes (databases, films, keys, logs) lives under one folder.
VAR = Path(env.str("SCREENTRIAL_VAR", default=str(BASE_DIR / "var"))).resolve()

SECRET_KEY = secret("DJANGO_SECRET_KEY", VAR / "secrets")
# Hashes hospital numbers and wraps each person's own key; losing it loses every identity.
IDENTITY_KEY = secret("SCREENTRIAL_IDENTITY_KEY", VAR / "secrets")
# One file per trial, CODE.key, mode 0600; never in the database (see trial/keys.py).
TRIAL_KEY_DIR = Path(env.str("SCREENTRIAL_TRIAL_KEYS", default=str(VAR / "keys")))
# Every allocation is appended here after commit, and the head of the audit chain: keep it on another disk than the
# database, out of reach of whoever administers that.
ALLOCATION_LOG_DIR = Path(env.str("SCREENTRIAL_ALLOCATION_LOGS", default=str(VAR / "allocations")))
# Where registered models are kept; every machine with a worker needs the same files.
MODEL_DIR = Path(env.str("SCREENTRIAL_MODELS", default=str(VAR / "models")))
# Catalogs of the report in other languages, CODE.po; one here stands before one that is shipped.
REPORT_LANGUAGES = Path(env.str("REPORT_LANGUAGES", default=str(VAR / "languages")))

# Written into every freeze: which code made these numbers.
CODE_VERSION = env.str("SCREENTRIAL_VERSION", default="0.1.0")

DEBUG = env.bool("DJANGO_DEBUG", default=False)
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "config",  # first: its migrate and flush run as the owner role
    "config.apps.ScreentrialAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # its widget templates, which TemplatesSetting looks for
    "pgtrigger",
    "pghistory",
    "axes",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "trial",
    "screening",
    "analysis",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.NoStoreMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "trial.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_VERBOSE = False

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
                "config.context_processors.house",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Unset means: the project's own PostgreSQL and Valkey under VAR, started at the first connection.
DATABASE_URL = env.str("DATABASE_URL", default="")
_server: dict[str, Any] = env.db_url_config(DATABASE_URL) if DATABASE_URL else {"EMBEDDED_VAR": str(VAR)}
# The few statements that trial/statements.py sends again and again, and those of triggers, are planned once a
# connection, and not again for each list of keys.
_planned_once = {"prepare_threshold": 5, "options": "-c plan_cache_mode=force_generic_plan"}
DATABASES = {
    "default": _server
    | {
        "ENGINE": "config.postgres",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _planned_once | _server.get("OPTIONS", {}),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PGHISTORY_CONTEXT_FIELD = pghistory.ContextJSONField()
PGHISTORY_CONTEXT_ID_FIELD = pghistory.ContextUUIDField()
PGHISTORY_CREATED_AT_FUNCTION = "clock_timestamp()"
PGHISTORY_LEVEL = pgtrigger.Statement  # one audit statement a write, however many rows: bulk work stays fast

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = (
    False  # a broker that is away must not hold up an upload: the sweep enqueues later
)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep-unscored-films": {"task": "screening.tasks.sweep", "schedule": 5.0},
    "randomize-who-is-ready": {"task": "screening.tasks.randomize_ready", "schedule": 60.0},
    "discard-old-files": {"task": "screening.tasks.discard_old_files", "schedule": 3600.0},
    "anchor-audit-chain": {"task": "trial.tasks.anchor_audit_chain", "schedule": 60.0},
}

STORAGES = {
    "default": {"BACKEND": "screening.storage.DurableStorage", "OPTIONS": {"location": str(VAR / "media")}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = VAR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True

# As devices must call this installation over DICOM.
DICOM_AE_TITLE = env.str("SCREENTRIAL_AE_TITLE", default="SCREENTRIAL")

DATA_UPLOAD_MAX_NUMBER_FILES = 500
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "trial.api_schema.Schema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 25,
    "EXCEPTION_HANDLER": "trial.problems.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Screentrial",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "trial.api_schema.document",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]  # ISO 8601 dates, times with their zone

SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Behind TLS (any deployment but the demonstration on this machine) set DJANGO_HTTPS=1.
HTTPS = env.bool("DJANGO_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}


def _brief(record: logging.LogRecord) -> bool:
    """Log a refusal in one line: only faults need to be traced."""
    if record.levelno < logging.ERROR:
        record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"brief": {"()": "django.utils.log.CallbackFilter", "callback": _brief}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["brief"],
            "stream": sys.stderr,
        }
    },
    "root": {"handlers": ["stderr"], "level": env.str("SCREENTRIAL_LOG_LEVEL", default="WARNING")},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
