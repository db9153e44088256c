"""People who work in the newsroom: they sign in by e-mail address."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone


class EditorManager(BaseUserManager["Editor"]):
    """Makes editors; addresses are compared without regard to case."""

    def create_user(self, email: str, password: str | None = None, *, is_approver: bool = False) -> "Editor":
        editor = self.model(email=email.strip().lower(), is_approver=is_approver)
        editor.set_password(password)  # None: unusable until the one-time link is followed
        editor.save(using=self._db)
        return editor

    def get_by_natural_key(self, username: str | None) -> "Editor":
        return self.get(email=(username or "").strip().lower())


class Editor(AbstractBaseUser, PermissionsMixin):
    """One person of the newsroom; only an approver may let an issue go out."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_approver = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = EditorManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    def __str__(self) -> str:
        return self.email
