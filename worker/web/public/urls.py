"""A reader's path in, its view out. These addresses stand in mails already sent: they are added to, never changed."""

from django.urls import path

from worker.web.public import (
    agreeing,
    archive,
    confirming,
    leaving,
    measuring,
    moving,
    own,
    papers,
    signup,
    stories,
    syndication,
)

app_name = "public"
urlpatterns = [
    path("", signup.front, name="front"),
    path("subscribe/", signup.subscribe, name="subscribe"),
    path("subscribe/sent/", signup.sent, name="sent"),
    path("confirm/<str:token>/", confirming.confirm, name="confirm"),
    path("unsubscribe/<str:token>/", leaving.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/reason/", leaving.reason, name="reason"),
    path("undo/<str:token>/", leaving.undo, name="undo"),
    path("address/<str:token>/", moving.address, name="address"),
    path("preferences/<str:token>/", own.preferences, name="preferences"),
    path("preferences/<str:token>/data/", own.data, name="data"),
    path("preferences/<str:token>/erase/", own.erase, name="erase"),
    path("seen/<str:token>.gif", measuring.seen, name="seen"),
    path("go/<str:token>/<int:number>/", measuring.go, name="go"),
    # Some mail programs cut the last slash off a link, and people who copy a form do; a POST would not survive the redirect
    # that puts it back.
    path("subscribe", signup.subscribe),
    path("confirm/<str:token>", confirming.confirm),
    path("unsubscribe/<str:token>", leaving.unsubscribe),
    path("unsubscribe/<str:token>/reason", leaving.reason),
    path("undo/<str:token>", leaving.undo),
    path("address/<str:token>", moving.address),
    path("preferences/<str:token>", own.preferences),
    path("preferences/<str:token>/data", own.data),
    path("preferences/<str:token>/erase", own.erase),
    path("go/<str:token>/<int:number>", measuring.go),
    path("archive/", archive.archive, name="archive"),
    path("archive/<slug:newsletter>/", archive.archive, name="archive_of"),
    path("archive/<slug:newsletter>/<slug:slug>/", archive.issue, name="issue"),
    path("stories/<slug:slug>/", stories.story, name="story"),
    path("corrections/", archive.corrections, name="corrections"),
    path("terms/", papers.terms, name="terms"),
    path("terms/agree/<str:token>/", agreeing.agree, name="agree"),
    path("terms/agree/<str:token>", agreeing.agree),
    path("terms/box/<str:kind>/<str:version>/", papers.box, name="box"),
    path("terms/box/<str:kind>/<str:version>/changes/", papers.box_changes, name="box_changes"),
    path("terms/<str:version>/", papers.terms, name="terms_version"),
    path("terms/<str:version>/changes/", papers.terms_changes, name="terms_changes"),
    path("privacy/", papers.privacy, name="privacy"),
    path("privacy/<str:version>/", papers.privacy, name="privacy_version"),
    path("privacy/<str:version>/changes/", papers.privacy_changes, name="privacy_changes"),
    path("feed.atom", syndication.atom, name="atom"),
    path("feed.json", syndication.json_feed, name="json_feed"),
    path("robots.txt", papers.robots, name="robots"),
]
