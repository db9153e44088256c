"""Every row the paper keeps, by subject. Status words stand first in each file."""

from worker.storage.models.audit import AuditEntry
from worker.storage.models.delivery import Delivery, DeliveryState, Notice, NoticeKind, ProviderEvent
from worker.storage.models.editors import Editor
from worker.storage.models.issues import Correction, Edition, Issue, IssueState, Kind, Placement, Section, Waiver
from worker.storage.models.news import (
    Feed,
    FeedState,
    Item,
    ItemState,
    ModelCall,
    Ruling,
    Story,
    StoryState,
    Thread,
)
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
    "Kind",
    "ModelCall",
    "Notice",
    "NoticeKind",
    "Placement",
    "ProviderEvent",
    "Purpose",
    "Reader",
    "Ruling",
    "Section",
    "Story",
    "StoryState",
    "Subscription",
    "SubscriptionState",
    "Suppression",
    "Terms",
    "Thread",
    "Waiver",
]
