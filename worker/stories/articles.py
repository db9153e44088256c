"""An item's row in, the article that the pure functions of this room compare and sum up out."""

from collections.abc import Mapping

from worker.storage.models import Item
from worker.stories.similarity import Article


def as_article(item: Item, titles: Mapping[str, str]) -> Article:
    """Return an item as an article; its source is the outlet readers know, from `titles` by the feed's name."""
    return Article(id=str(item.pk), title=item.title, summary=item.summary,
                   source=titles.get(item.feed.name, item.feed.name), published=item.at, url=item.url)
