"""Django's settings, worked out from the environment (conf/env). No secret and no machine's name stands here."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.contrib.messages import constants as message_levels
from django.utils.translation import gettext_lazy as _

from forgeline.conf.building import KERNEL, MODULES, WINGS
from forgeline.conf.content_policy import POLICY
from forgeline.conf.env import ROOT, read_environment
from forgeline.conf.logs import logging_config
from forgeline.modules.manifest import MODELS_QUEUE

ENV = read_environment()
VAR = ENV.var
BASE_DIR = ROOT

DEBUG = ENV["FORGELINE_DEBUG"]
SECRET_KEY = ENV["FORGELINE_SECRET_KEY"]
ALLOWED_HOSTS = ENV["FORGELINE_ALLOWED_HOSTS"]
CSRF_FAILURE_VIEW = "forgeline.web.views.session.forged"
CSRF_TRUSTED_ORIGINS = ENV["FORGELINE_TRUSTED_ORIGINS"]

INSTALLED_APPS = [
    # Ours first: where two catalogues word one string, the earlier app's wording is shown.
    *KERNEL,
    *WINGS,
    *MODULES,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_celery_beat",
    "channels",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "forgeline.conf.policy_middleware.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Around the company's scope: what happens once its transaction is done may have something to say.
    "django.contrib.messages.middleware.MessageMiddleware",
    "forgeline.identity.middleware.TenantMiddleware",
    "forgeline.conf.request_log.RequestLogMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "forgeline.conf.urls"
ASGI_APPLICATION = "forgeline.conf.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "forgeline.pages.context.page",
            ],
        },
    }
]


# --- database: three roles on one database (decision 0002) ---------------------------------------------------------


# A server that is cut off without a word is found out in half a minute, not after the kernel's quarter of an hour:
# only then do connectors put values on disk. A server that is merely slow answers the kernel, and is waited for.
_DATABASE_TIMEOUTS = {
    "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}  # fmt: skip


def _database(role: str, *, pool: bool) -> dict[str, Any]:
    parts = urlsplit(ENV.database_url(role))
    options: dict[str, Any] = {"application_name": f"forgeline {role}", **_DATABASE_TIMEOUTS}
    if pool:
        options["pool"] = {"min_size": 1, "max_size": ENV["FORGELINE_DATABASE_POOL"], "timeout": 10}
    options |= dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "forgeline",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": not pool,
        # A sign-in costs PostgreSQL a process and four thousand hashes; pooled ones are kept by their pool.
        "CONN_MAX_AGE": 0 if pool else 300,
        "OPTIONS": options,
    }


DATABASES = {
    "default": _database("app", pool=True),
    "owner": _database("owner", pool=False),
    "ingest": _database("ingest", pool=False),
}
DATABASE_ROUTERS = ["forgeline.tenancy.router.RoleRouter"]

REDIS_URL = ENV["FORGELINE_REDIS_URL"] or "redis://127.0.0.1:6379/0"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "fl",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "fl"},
    }
}

# --- Celery --------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 900
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Who calls a worker must not wait for a broker that is away (six seconds by default): the outbox is swept anyway.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0, "interval_start": 0, "socket_connect_timeout": 1, "socket_timeout": 10,
}  # fmt: skip
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    name: {"task": name, "schedule": seconds}
    for name, seconds in {
        "telemetry.follow_states": 5.0,
        "telemetry.make_chunks_ahead": 3600.0,
        "telemetry.apply_retention": 600.0,
        "telemetry.trim_commit_log": 600.0,
        "notifications.sweep": 3.0,
        "notifications.trim": 3600.0,
        "alarms.try_rules": 5.0,
        "alarms.trim_trials": 3600.0,
        "alarms.report_weeks": 3600.0,
        "identity.trim_answers": 3600.0,
        "identity.end_grants": 20.0,
        "audit.trim": 3600.0,
        "webhooks.sweep": 3.0,
        "webhooks.trim": 3600.0,
        "billing.meter": 60.0,
        "billing.measure_storage": 3600.0,
        "billing.advance": 600.0,
        "billing.sweep_mail": 30.0,
        "jobs.work": 5.0,
        "jobs.trim": 600.0,
    }.items()
}

_MANIFESTS = [import_module(f"{module}.module").MANIFEST for module in MODULES]
for _manifest in _MANIFESTS:
    CELERY_BEAT_SCHEDULE |= {
        name: {"task": name, "schedule": seconds} for name, seconds in _manifest.beat.items()
    }
CELERY_TASK_ROUTES = {
    pattern: {"queue": MODELS_QUEUE} for _manifest in _MANIFESTS for pattern in _manifest.long_tasks
}

# --- people ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "web:sign_in"
LOGIN_REDIRECT_URL = "web:overview"
LOGOUT_REDIRECT_URL = "web:sign_in"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_USERNAME_CALLABLE = "forgeline.identity.adapters.username_of"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "forgeline.web.views.session.locked_out"
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"

SIGN_UP = ENV["FORGELINE_SIGN_UP"]
ACCOUNT_ADAPTER = "forgeline.identity.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"signup": "forgeline.web.sign_up.SignUpForm"}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# A code is typed where the sign-up goes on; a link would open in the mail program's own browser.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Wrong passwords are axes' to count, by account and address together.
ACCOUNT_RATE_LIMITS = {"login_failed": False}
SOCIALACCOUNT_ADAPTER = "forgeline.sso.flow.SocialAdapter"
MFA_ADAPTER = "forgeline.identity.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Forgeline"

# By the names of the look: what failed must not be told in green.
MESSAGE_TAGS = {message_levels.WARNING: "warn", message_levels.ERROR: "bad"}

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = POLICY
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if ENV["FORGELINE_SECURE_COOKIES"]:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_SSL_REDIRECT = True
    # What asks from within, past the proxy.
    SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- e-mail ----------------------------------------------------------------------------------------------------------

_mail = urlsplit(ENV["FORGELINE_EMAIL_URL"])
# Without a server for mail no address can be proven, and links are passed on by hand.
SENDS_MAIL = bool(_mail.hostname)
DEFAULT_FROM_EMAIL = ENV["FORGELINE_EMAIL_FROM"]
EMAIL_TIMEOUT = 20
if SENDS_MAIL:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR / "mail"

# --- languages and time -----------------------------------------------------------------------------------------------

LANGUAGE_CODE = ENV["FORGELINE_LANGUAGE"]
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "forgeline.conf.formats"
TIME_ZONE = "UTC"

# --- files ------------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
FONTS = VAR / "fonts"
"""What papers are set in."""
STATICFILES_DIRS = [("vendor", VAR / "assets")] if (VAR / "assets").is_dir() else []
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "forgeline.base.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- API --------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "forgeline.identity.authentication.ApiKeyAuthentication",
        "forgeline.identity.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "forgeline.base.negotiation.JsonOrFile",
    "DEFAULT_PARSER_CLASSES": ["forgeline.base.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "forgeline.base.paging.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "forgeline.base.filters.Narrowing",
        "forgeline.base.filters.Search",
        "forgeline.base.filters.Ordering",
    ],
    "EXCEPTION_HANDLER": "forgeline.base.api.problem_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Forgeline",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "InvoiceKindEnum": "forgeline.billing.models.Kind",
        "MailFaultEnum": "forgeline.billing.models.MailFault",
        "SubscriptionPeriodEnum": "forgeline.billing.models.Period",
        "SubscriptionStateEnum": "forgeline.billing.models.State",
        **{name: path for manifest in _MANIFESTS for name, path in manifest.enum_names.items()},
    },
    "DESCRIPTION": "Machines, points, samples and connections of a plant.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "forgeline.conf.examples.add_examples",
        "forgeline.conf.conventions.add_conventions",
    ],
    "SWAGGER_UI_SETTINGS": {
        # Some 250 operations unfolded at once keep a cheap computer busy for half a minute.
        "docExpansion": "none",
        "defaultModelsExpandDepth": -1,
        "filter": True,
        "deepLinking": True,
        "displayRequestDuration": True,
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- the kernel's own -------------------------------------------------------------------------------------------------

TELEMETRY = {
    "ENGINE": ENV["FORGELINE_STORE_ENGINE"],
    "RETENTION_DAYS": ENV["FORGELINE_RETENTION_DAYS"],
    "RETENTION_DISK_SHARE": ENV["FORGELINE_RETENTION_DISK_SHARE"],
    "MAX_AHEAD_S": ENV["FORGELINE_MAX_AHEAD_S"],
}
API_CALLS_PER_MINUTE = ENV["FORGELINE_API_CALLS_PER_MINUTE"]
CONNECTORS = {
    "SPOOL_DIR": VAR / "spool",
    "SPOOL_MB": ENV["FORGELINE_SPOOL_MB"],
    "MQTT_URL": ENV["FORGELINE_MQTT_URL"],
    "MQTT_PUBLIC_URL": ENV["FORGELINE_MQTT_PUBLIC_URL"],
    "MQTT_PASSWORD": ENV["FORGELINE_MQTT_PASSWORD"],
    "OPCUA_CERTIFICATES": ENV["FORGELINE_OPCUA_CERTIFICATES"] or VAR / "opcua",
}
JOBS = {
    "FOLDER": VAR / "files",
    "FILES_MB": ENV["FORGELINE_FILES_MB"],
    "COMPANY_FILES_MB": ENV["FORGELINE_FILES_COMPANY_MB"],
    "FILES_DAYS": ENV["FORGELINE_FILES_DAYS"],
}
ERASURE_GRACE_DAYS = ENV["FORGELINE_ERASURE_GRACE_DAYS"]
NOTIFICATIONS = {
    "PUBLIC_URL": ENV["FORGELINE_PUBLIC_URL"].rstrip("/") or f"http://localhost:{ENV['FORGELINE_HTTP_PORT']}",
    "ALLOW_PRIVATE": ENV["FORGELINE_MESSAGES_TO_PRIVATE"],
}
DNS_SERVER = ENV["FORGELINE_DNS_SERVER"]
LOGGING = logging_config(level=ENV["FORGELINE_LOG_LEVEL"], style=ENV["FORGELINE_LOG_FORMAT"])
# HSTS for subdomains and in the browsers' own list: both bind whatever else stands under the domain, and are for its
# owner to decide.
SILENCED_SYSTEM_CHECKS = ["axes.W003", "security.W005", "security.W021"]
TEST_RUN = "pytest" in sys.modules
