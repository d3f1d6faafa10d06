"""The files that settings name, looked at by a server's first process: its others would fail at them for ever."""

from cli.failures import CannotRun
from server.parts import jwt_secret, webhook_secrets
from server.policy import trusted_documents
from server.trusted import ManifestRefused
from settings import Settings


def refuse_unusable(settings: Settings) -> None:
    """Raises CannotRun or SettingsError for a file that cannot be used."""
    try:
        trusted_documents(settings)
    except ManifestRefused as error:
        raise CannotRun(f"TRUSTED_DOCUMENTS: {error}.") from None
    jwt_secret(settings)
    webhook_secrets(settings)
