"""Broadsheet, a self-hosted newsletter service: the life of a news item.

 1. `feeds.gather` fetches a feed and stores what is new in it as items.
 2. `stories.group` puts each item beside the items of other outlets that report the same event: a story.
 3. `stories.summarise` gives the story a headline and sentences, each traced to the item it came from.
 4. `issues.draft` chooses stories for a newsletter's period and proposes an issue.
 5. `issues.edit` is the editor's pen; `press.render` shows the proof.
 6. `press.approve` binds an editor's name to the hash of that proof and freezes it as the edition.
 7. `delivery.audience` freezes who is to get it, from readers who opted in twice and have not left.
 8. `delivery.deliver` hands each reader one copy and records the outcome; nobody is sent to twice.

`worker.tasks` knows the order of these steps; `worker.celery` holds the Celery app and the timetable (`celery -A worker`).
"""
