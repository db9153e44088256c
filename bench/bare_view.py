"""The peer of the sign-up: a view of the same framework that reads three fields, stores one row durably, and says so.

Its settings are the service's own with no middleware and this one address: DJANGO_SETTINGS_MODULE=bench.bare_view.
"""

from worker.settings import *  # noqa: F403

MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.bare_urls"
WSGI_APPLICATION = "bench.bare_urls.application"
