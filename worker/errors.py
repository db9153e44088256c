"""The one error a person is meant to read: every room raises it, the command line and the web print it as one line."""


class BroadsheetError(Exception):
    """Something the operator or editor can mend. The message is one line: what, where, and how to mend it."""


class NotFoundError(BroadsheetError):
    """A row named by the caller (an issue number, an address) is not there."""


class ConflictError(BroadsheetError):
    """The row has moved on since the caller looked at it: read it again, then decide."""


class TransientError(BroadsheetError):
    """A dependency did not answer or asked for patience; the same call may succeed later."""


class ConfigurationError(BroadsheetError):
    """What the operator configured cannot be used. The words are for the operator and the editors, not for readers."""
