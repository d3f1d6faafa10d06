"""The files that settings name, checked by a server's first process: the others would fail at them for ever."""

from cli.failures import CannotRun
from server.graphql.trusted_documents import ManifestRefused
from server.runtime import jwt_secret, webhook_secrets
from server.wiring import trusted_documents
from settings import Settings


def refuse_unusable(settings: Settings) -> None:
    """Raise CannotRun or SettingsError for a file that cannot be used."""
    try:
        trusted_documents(settings)
    except ManifestRefused as error:
        raise CannotRun(f"TRUSTED_DOCUMENTS: {error}.") from None
    jwt_secret(settings)
    webhook_secrets(settings)
