"""The context of a request: its caller, and the means to answer it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from domain.caller import Caller
from domain.command_fields import Rules
from resolvers.reading.customer_cache import OwnCustomers
from resolvers.reading.loaders import Loaders
from services.live.hub import Live
from services.live.refresh_on_read import DocumentReads, ProviderReads
from services.money.operations.recovery import RecoveryOnRead
from services.money.operations.runner import OperationRunner


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: its caller (None for nobody), its id, and the means to answer it.

    `recovery` runs the overdue operations of rows that are read. `provider_reads` ask Stripe for readers, and
    `document_reads` do so for one document: for few payments, each once. `live` is what subscribers follow.
    `rules` are the installation's, for inputs; `publishable_key` is Stripe's, for browsers. `sign_view_token` gives a
    short-lived token that shows one order, or None where none can be signed. `loaders` batch the rows of this request
    and end with it; `own_customers` outlive it. `languages` are the tags that the client accepts, best first.
    """

    caller: Caller | None
    request_id: str
    runner: OperationRunner
    recovery: RecoveryOnRead
    provider_reads: ProviderReads
    live: Live
    rules: Rules
    publishable_key: str | None
    sign_view_token: Callable[[UUID, UUID | None], str | None] = field(repr=False)
    loaders: Loaders = field(repr=False)
    own_customers: OwnCustomers = field(repr=False)
    document_reads: DocumentReads = field(repr=False)
    languages: tuple[str, ...] = ()

    @classmethod
    def for_request(
        cls,
        *,
        caller: Caller | None,
        request_id: str,
        runner: OperationRunner,
        recovery: RecoveryOnRead,
        provider_reads: ProviderReads,
        live: Live,
        rules: Rules,
        publishable_key: str | None,
        sign_view_token: Callable[[UUID, UUID | None], str | None],
        own_customers: OwnCustomers,
        languages: tuple[str, ...] = (),
    ) -> "RequestContext":
        """The context of one request, with loaders of its own."""
        return cls(
            caller=caller,
            request_id=request_id,
            runner=runner,
            recovery=recovery,
            provider_reads=provider_reads,
            document_reads=DocumentReads(provider_reads),
            live=live,
            rules=rules,
            publishable_key=publishable_key,
            sign_view_token=sign_view_token,
            loaders=Loaders(),
            own_customers=own_customers,
            languages=languages,
        )
