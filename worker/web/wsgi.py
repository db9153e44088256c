"""The WSGI application that a server such as granian loads: `worker.web.wsgi:application`."""

import gc
from typing import Any

from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from worker.logs import set_up_logs  # loads worker.settings, which name themselves to Django

# Where a proxy of the operator's own stands: this machine, or a private network (RFC 1918, RFC 4193).
PROXY_NETWORKS = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]


def believe_proxy(application: Any) -> Any:
    """Return `application` with REMOTE_ADDR taken from X-Forwarded-For when a proxy of ours made the call.

    Of a chain the last address that is not a proxy of ours counts: a client can write anything to the left of it.
    """
    return wrap_wsgi_with_proxy_headers(application, trusted_hosts=PROXY_NETWORKS)


def make_application() -> Any:
    """Return the application as TRUST_PROXY asks for it, with all its views loaded: no visitor waits for that.

    What is loaded stays until the process ends, so the garbage collector need not go through it, which takes it a tenth of a second
    and holds up everybody meanwhile (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    application = get_wsgi_application()
    from django.conf import settings
    from django.urls import get_resolver

    get_resolver().check()
    gc.collect()
    gc.freeze()
    return believe_proxy(application) if settings.TRUST_PROXY else application


application = make_application()
set_up_logs()
