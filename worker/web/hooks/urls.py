"""A provider's path in, its view out."""

from django.urls import path

from worker.web.hooks import inbound, sendgrid

app_name = "hooks"
urlpatterns = [
    path("hooks/sendgrid/", sendgrid.receive, name="sendgrid"),
    path("hooks/sendgrid/inbound/", inbound.receive, name="inbound"),
]
