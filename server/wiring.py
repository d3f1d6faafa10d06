"""The endpoint as the settings have it: its schema, its limits, its documents, and the origins of pages."""

from typing import Final

from domain.checkout.descriptors import longest_suffix
from domain.checkout.method_types import MethodTypes
from domain.command_fields import Rules
from schema import QuietSchema, print_sdl, schema
from server.access.token_buckets import Buckets, DatabaseBuckets, ProcessBuckets, Rate
from server.graphql.anonymous_requests import AnonymousAccess
from server.graphql.cost_limits import RateLimits, Rates
from server.graphql.query_cost import SDL_FIELD, Limits
from server.graphql.subscriptions import StreamLimits
from server.graphql.trusted_documents import Mode, TrustedDocuments
from server.graphql.uvicorn_protocols import ConnectionLimits
from server.http.cross_origin import AllowedOrigins
from settings import Settings

MINUTE: Final = 60


def rules(settings: Settings) -> Rules:
    """Return the rules for the inputs of clients."""
    return Rules(
        currencies=settings.currencies,
        app_schemes=settings.return_url_schemes,
        takes_shared_tokens=settings.shared_payment_tokens,
        longest_suffix=longest_suffix(settings.statement_descriptor_prefix),
        method_types=MethodTypes(
            allowed=settings.allowed_payment_method_types or None, excluded=settings.excluded_payment_method_types
        ),
    )


def served_schema(settings: Settings) -> QuietSchema:
    """Return the schema that is served: a subgraph of a router's, or the schema alone."""
    if not settings.federation:
        return schema
    from schema.federation import subgraph

    return subgraph()


def served_sdl(settings: Settings) -> str:
    """Return the SDL of the schema that is served."""
    if not settings.federation:
        return print_sdl()
    from schema.federation import print_subgraph_sdl

    return print_subgraph_sdl()


def anonymous_access(settings: Settings) -> AnonymousAccess:
    """Return what is open without a token: none of our fields, and to a router's tools the schema, by its own rule."""
    return AnonymousAccess(fields=frozenset({SDL_FIELD}) if settings.federation else frozenset())


def limits(settings: Settings) -> Limits:
    """Return the limits of one document."""
    return Limits(cost=settings.staff_cost_limit, buyer_cost=settings.buyer_cost_limit)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of a process's connections. Behind proxies no address is bounded: it would be the proxy's."""
    return ConnectionLimits(
        connections=settings.connections,
        per_address=settings.connections_per_address if settings.trusted_proxies == 0 else None,
        header_seconds=settings.header_seconds,
        idle_seconds=settings.idle_seconds,
    )


def stream_limits(settings: Settings) -> StreamLimits:
    """Return the limits of concurrent streams."""
    return StreamLimits(connections_per_address=settings.streams_per_address)


def rates(settings: Settings) -> Rates | None:
    """Return the rates of a caller; None for no limit."""
    if settings.rate_limits == "off":
        return None
    buckets: Buckets = DatabaseBuckets() if settings.rate_limits == "database" else ProcessBuckets()
    return Rates(
        buckets,
        RateLimits(
            buyer=Rate(settings.buyer_points, settings.buyer_points_per_second),
            address=Rate(settings.address_points, settings.address_points_per_second),
            staff=Rate(settings.staff_points, settings.staff_points_per_second),
            payments=_in_a_minute(settings.buyer_payments_per_minute),
            address_payments=_in_a_minute(settings.address_payments_per_minute),
        ),
    )


def trusted_documents(settings: Settings) -> TrustedDocuments:
    """Load the documents of the manifest. Raises ManifestRefused."""
    if settings.trusted_documents is None:
        return TrustedDocuments()
    return TrustedDocuments.load(settings.trusted_documents, Mode(settings.trusted_documents_mode))


def allowed_origins(settings: Settings) -> AllowedOrigins:
    """Return the origins whose pages may call the API. Outside production, pages of the developer's machine may."""
    return AllowedOrigins(settings.allowed_origins, loopback=settings.environment != "production")


def _in_a_minute(count: int) -> Rate:
    return Rate(count, count / MINUTE)
