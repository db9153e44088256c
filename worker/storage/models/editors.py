"""People who work in the newsroom: they sign in by e-mail address."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """What somebody may do at the desk; each role may do all that those before it may."""

    VIEWER = "viewer"  # reads everything, changes nothing
    EDITOR = "editor"  # edits drafts
    APPROVER = "approver"  # lets issues go out, and decides about readers' data
    ADMIN = "admin"  # decides who is let in, and changes the settings


RANKS = tuple(Role)


class EditorManager(BaseUserManager["Editor"]):
    """Makes editors; addresses are compared without regard to case."""

    def create_user(self, email: str, password: str | None = None, *, role: Role = Role.EDITOR) -> "Editor":
        editor = self.model(email=email.strip().lower(), role=role)
        editor.set_password(password)  # None: unusable until the one-time link is followed
        editor.save(using=self._db)
        return editor

    def get_by_natural_key(self, username: str | None) -> "Editor":
        return self.get(email=(username or "").strip().lower())


class Editor(AbstractBaseUser, PermissionsMixin):
    """One person of the newsroom; `role` says what they may do."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.EDITOR)
    created_at = models.DateTimeField(default=timezone.now)
    invited_at = models.DateTimeField(null=True)  # when the last invitation by mail was made; null: let in by the command
    links_used = models.PositiveIntegerField(default=0, db_default=0)  # one-time links: each use ends all there are

    objects = EditorManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    def __str__(self) -> str:
        return self.email

    def may(self, role: Role) -> bool:
        """Tell whether this person may do what `role` may."""
        return RANKS.index(Role(self.role)) >= RANKS.index(role)

    @property
    def has_entered(self) -> bool:
        """Tell whether they have been at the desk, or could come without a link."""
        return self.last_login is not None or self.has_usable_password()

    @property
    def may_edit(self) -> bool:
        """Tell whether they may change drafts."""
        return self.may(Role.EDITOR)

    @property
    def may_approve(self) -> bool:
        """Tell whether they may let issues go out."""
        return self.may(Role.APPROVER)

    @property
    def may_administer(self) -> bool:
        """Tell whether they may let others in."""
        return self.may(Role.ADMIN)
