"""What the embedded servers raise."""


class EmbeddedError(ConnectionError):
    """An embedded server can't be used; the message says why and what to do."""
