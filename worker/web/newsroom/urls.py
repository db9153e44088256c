"""A path under /desk/ in, the view that answers it out. Every view here carries its rule (newsroom.guards)."""

from django.urls import path

from worker.web.newsroom import decisions, edits, entry, export, front, issue, news, readers, regroup, stories, story

app_name = "desk"
_STORY = "issues/<int:issue_id>/stories/<int:placement_id>"

urlpatterns = [
    path("", front.front, name="front"),
    path("sign-in/", entry.sign_in, name="sign-in"),
    path("sign-out/", entry.sign_out, name="sign-out"),
    path("enter/<str:uid>/<str:token>/", entry.enter, name="enter"),
    path("account/", entry.account, name="account"),
    path("draft/<slug:newsletter>/", decisions.draft, name="draft"),
    path("issues/<int:issue_id>/", issue.issue, name="issue"),
    path("issues/<int:issue_id>/proof.html", issue.proof_html, name="proof-html"),
    path("issues/<int:issue_id>/proof.txt", issue.proof_text, name="proof-text"),
    path("issues/<int:issue_id>/progress/", issue.progress, name="progress"),
    path(f"{_STORY}/rewrite/", edits.rewrite, name="rewrite"),
    path(f"{_STORY}/move/", edits.move, name="move"),
    path(f"{_STORY}/drop/", edits.drop, name="drop"),
    path(f"{_STORY}/restore/", edits.restore, name="restore"),
    path(f"{_STORY}/renew/", edits.renew, name="renew"),
    path(f"{_STORY}/waive/", edits.waive, name="waive"),
    path("issues/<int:issue_id>/pull-in/", edits.pull_in, name="pull-in"),
    path("issues/<int:issue_id>/retitle/", edits.retitle, name="retitle"),
    path("issues/<int:issue_id>/partners/add/", edits.add_partner, name="add-partner"),
    path("issues/<int:issue_id>/partners/<int:block_id>/edit/", edits.edit_partner, name="edit-partner"),
    path("issues/<int:issue_id>/partners/<int:block_id>/remove/", edits.remove_partner, name="remove-partner"),
    path("issues/<int:issue_id>/correct/", edits.correct, name="correct"),
    path("issues/<int:issue_id>/approve/", decisions.approve, name="approve"),
    path("issues/<int:issue_id>/withdraw/", decisions.withdraw, name="withdraw"),
    path("issues/<int:issue_id>/reject/", decisions.reject, name="reject"),
    path("issues/<int:issue_id>/reopen/", decisions.reopen, name="reopen"),
    path("issues/<int:issue_id>/send/", decisions.send, name="send"),
    path("issues/<int:issue_id>/resume/", decisions.resume, name="resume"),
    path("issues/<int:issue_id>/cancel/", decisions.cancel, name="cancel"),
    path("feeds/", news.feeds, name="feeds"),
    path("stories/", stories.stories, name="stories"),
    path("stories/merge/", regroup.merge, name="merge-stories"),
    path("stories/<int:story_id>/", story.story, name="story"),
    path("stories/<int:story_id>/split/", regroup.split, name="split-story"),
    path("rulings/<int:entry_id>/undo/", regroup.undo, name="undo-ruling"),
    path("readers/", readers.readers, name="readers"),
    path("readers/export/", export.export, name="export-readers"),
    path("readers/<int:reader_id>/", readers.reader, name="reader"),
    path("readers/<int:reader_id>/erase/", readers.erase, name="erase-reader"),
    path("wordings/<str:digest>/", readers.wording, name="wording"),
    path("audit/", news.audit, name="audit"),
]
