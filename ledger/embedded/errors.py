"""What goes wrong with a server on this machine."""

from __future__ import annotations


class EmbeddedError(Exception):
    """Something about this machine keeps a server from running.

    The message says what, with the value, and what to do: it is made to be shown as it is.
    """
