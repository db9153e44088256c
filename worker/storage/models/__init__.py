"""Every row the paper keeps, by subject. Status words stand first in each file."""

from worker.storage.models.audit import AuditEntry
from worker.storage.models.delivery import Delivery, DeliveryState, Notice, NoticeKind, ProviderEvent
from worker.storage.models.editors import Editor
from worker.storage.models.issues import Correction, Edition, Issue, IssueState, Placement, Section
from worker.storage.models.news import Feed, FeedState, Item, ItemState, Story, StoryState
from worker.storage.models.readers import (
    Consent,
    ConsentAction,
    Purpose,
    Reader,
    Subscription,
    SubscriptionState,
    Suppression,
    Terms,
)

__all__ = [
    "AuditEntry",
    "Consent",
    "ConsentAction",
    "Correction",
    "Delivery",
    "DeliveryState",
    "Edition",
    "Editor",
    "Feed",
    "FeedState",
    "Issue",
    "IssueState",
    "Item",
    "ItemState",
    "Notice",
    "NoticeKind",
    "Placement",
    "ProviderEvent",
    "Purpose",
    "Reader",
    "Section",
    "Story",
    "StoryState",
    "Subscription",
    "SubscriptionState",
    "Suppression",
    "Terms",
]
