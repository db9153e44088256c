"""A path in, the view that answers it out. The readers' addresses stand in mails already sent, so they never change."""

from django.urls import include, path

from worker.web import health

urlpatterns = [
    path("", include("worker.web.public.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("desk/", include("worker.web.newsroom.urls")),
    path("", include("worker.web.hooks.urls")),
]

handler400 = "worker.web.errors.bad_request"
handler403 = "worker.web.errors.forbidden"
handler404 = "worker.web.errors.not_found"
handler500 = "worker.web.errors.server_error"
