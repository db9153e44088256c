"""Broadsheet, a self-hosted newsletter service: the life of a news item.

 1. `feeds.gather` fetches a feed and stores what is new in it as items.
 2. `stories.group` puts each item beside the items of other outlets that report the same event: a story.
 3. `stories.summarise` gives the story a headline and sentences, each with the passages that bear it out.
 4. `stories.threads` ties it to the earlier story it follows, if there is one.
 5. `issues.draft` chooses stories for a newsletter's period and proposes an issue: what readers have had is an update, or left out.
 6. `issues.edit` is the editor's pen, `issues.regroup` the editor's merge and split; `press.render` shows the proof.
 7. `press.approve` binds an editor's name to the hash of that proof, once every claim in it has a source or a waiver,
    and freezes it as the edition.
 8. `delivery.audience` freezes who is to get it, from readers who opted in twice and have not left.
 9. `delivery.deliver` hands each reader one copy and records the outcome; nobody is sent to twice.

`worker.tasks` knows the order of these steps; `worker.celery` holds the Celery app and the timetable (`celery -A worker`).
"""
