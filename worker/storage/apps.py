"""Django's entry for the one app of the project."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """The app's label stays `storage`, whatever the package is called."""

    name = "worker.storage"
    label = "storage"
