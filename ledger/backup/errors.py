"""What keeps a backup or a restore from being made."""


class BackupError(Exception):
    """The operator can put it right. The message is made to be shown as it is."""
