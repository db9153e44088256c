"""A provider's path in, its view out."""

from django.urls import path

from worker.web.hooks import sendgrid

app_name = "hooks"
urlpatterns = [path("hooks/sendgrid/", sendgrid.receive, name="sendgrid")]
