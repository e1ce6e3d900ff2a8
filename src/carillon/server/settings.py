"""Django's settings, all derived from `carillon.config`."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl

from carillon.config import CHECKOUT, Config

TRIES, LOCKED_S = 5, 300  # wrong passwords in a row; then this long none is looked at (partners.signins)

CONFIG = Config.from_env(os.environ)
ROLE = os.environ.get("CARILLON_DB_ROLE", "web")  # web | worker | owner: which database role this process is

SECRET_KEY = CONFIG.secret_key
DEBUG = CONFIG.is_debug
ALLOWED_HOSTS = ["*"]  # the host middleware answers only for hostnames in the database
ROOT_URLCONF = "carillon.server.urls"
WSGI_APPLICATION = "carillon.server.wsgi.application"
# How links in mails begin: TLS ends at the proxies, if there are any.
WEB_ADDRESS = "https://{}" if CONFIG.proxies else f"http://{{}}:{CONFIG.ports.web}"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [CHECKOUT / "src" / "carillon" / "locale"]  # see carillon.base.catalogues
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "carillon.faces.gate",  # before allauth: its templates come first
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "procrastinate.contrib.django",
    "carillon.base",
    "carillon.business.partners",
    "carillon.business.brands",
    "carillon.business.customers",
    "carillon.business.numbers",
    "carillon.business.pricing",
    "carillon.business.endpoints",
    "carillon.business.routing",
    "carillon.business.catalogue",
    "carillon.business.calls",
    "carillon.business.billing",
    "carillon.business.support",
    "carillon.business.notices",
    "carillon.business.reports",
    "carillon.callfeed_sql",
    "carillon.panels",
    "carillon.faces.portal",
    "carillon.jobs",
    "carillon.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "carillon.faces.gate.middleware.headers",  # request id, content security policy
    "carillon.faces.gate.middleware.host",  # hostname -> realm; opens the request's transaction
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "carillon.faces.gate.middleware.actor",  # login -> Actor; gives the transaction its scope
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "carillon.faces.gate.themes.themed",
            ]
        },
    }
]

# A trunk is known by an address that is its own everywhere; in a private network its trunks are private too.
TRUNKS_MAY_BE_PRIVATE = not ip_address(CONFIG.advertised).is_global
DATABASE = CONFIG.database(ROLE)
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": DATABASE.name,
        "USER": DATABASE.user,
        "PASSWORD": DATABASE.password,
        "HOST": DATABASE.host,
        "PORT": DATABASE.port,
        "ATOMIC_REQUESTS": False,  # carillon.base.tenancy.tenant opens the transactions
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # the worker has one connection: a pool would only wait ever longer before it tries PostgreSQL again
            "pool": False if ROLE == "worker" else {"min_size": 1, "max_size": 10, "timeout": 10},
            "connect_timeout": 5,
            "prepare_threshold": 5,  # for carillon.base.statements: Django's own cursors never prepare
            **dict(parse_qsl(DATABASE.options)),  # such as sslmode, from an external database's URL
        },
    }
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "base_cache",  # made by a migration of carillon.base
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# ------------------------------------------------------------------ who signs in
AUTH_USER_MODEL = "partners.Login"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "carillon.faces.gate.accounts.RealmAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "key"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_FORMS = {
    "login": "carillon.faces.gate.accounts.RealmLoginForm",
    "reset_password": "carillon.faces.gate.accounts.RealmResetPasswordForm",
    "user_token": "carillon.faces.gate.accounts.RealmUserTokenForm",
}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",  # an office shares an address
    "login_failed": f"10/m/ip,{TRIES}/{LOCKED_S}s/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIG.proxies  # those limits go by address: behind a proxy all would share one
PASSWORD_RESET_TIMEOUT = 3600  # seconds that a link for a new password works
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_USER_DISPLAY = "carillon.faces.gate.accounts.display_name"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to addresses that have no login here
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "carillon.faces.gate.accounts.NotedAuthenticateForm",
    "reauthenticate": "carillon.faces.gate.accounts.NotedReauthenticateForm",
    "activate_totp": "carillon.faces.gate.accounts.NotedActivateTOTPForm",
    "add_webauthn": "carillon.faces.gate.accounts.NotedAddWebAuthnForm",
}
MFA_ADAPTER = "carillon.faces.gate.accounts.SealedMFAAdapter"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not CONFIG.bind.startswith("127.")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
EMAIL_BACKEND = "carillon.business.notices.mails.Outbox"  # each mail is a row; the worker hands it to a mail server
MAIL_TRANSPORT = f"django.core.mail.backends.{'smtp' if CONFIG.mail else 'console'}.EmailBackend"
if CONFIG.mail:
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = CONFIG.mail.host, CONFIG.mail.port, 20
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = CONFIG.mail.user, CONFIG.mail.password
    EMAIL_USE_SSL = CONFIG.mail.is_tls
    EMAIL_USE_TLS = not CONFIG.mail.is_tls and CONFIG.mail.host not in ("127.0.0.1", "::1", "localhost")
    DEFAULT_FROM_EMAIL = CONFIG.mail.sender

# ------------------------------------------------------------------ REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "carillon.faces.api.authentication.BearerToken",
        "carillon.faces.api.authentication.Session",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["carillon.faces.api.parsers.Json", "rest_framework.parsers.MultiPartParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "carillon.faces.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Carillon API",
    "VERSION": "1",
    "DESCRIPTION": "Everything the portal does, with the same permissions. Errors are problem+json (RFC 9457).",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
}

# ------------------------------------------------------------------ files
STATIC_URL = "/static/"
STATIC_ROOT = CONFIG.home / "static"
STATICFILES_DIRS = [path for path in [CHECKOUT / "web" / "dist"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": CONFIG.log_level.upper()},
}
