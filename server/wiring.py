"""What callers may ask for, from the settings: costs, rates, documents, and pages of which origins."""

from typing import Final

from server.access.token_buckets import Buckets, DatabaseBuckets, ProcessBuckets, Rate
from server.graphql.cost_limits import RateLimits, Rates
from server.graphql.query_cost import Limits
from server.graphql.subscriptions import StreamLimits
from server.graphql.trusted_documents import Mode, TrustedDocuments
from server.graphql.uvicorn_protocols import ConnectionLimits
from server.http.cross_origin import AllowedOrigins
from settings import Settings

MINUTE: Final = 60


def limits(settings: Settings) -> Limits:
    """How much one document may ask for."""
    return Limits(cost=settings.staff_cost_limit, buyer_cost=settings.buyer_cost_limit)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """How many connections a process has. Behind proxies none is bounded by its address, which is the proxy's."""
    return ConnectionLimits(
        connections=settings.connections,
        per_address=settings.connections_per_address if settings.trusted_proxies == 0 else None,
        header_seconds=settings.header_seconds,
        idle_seconds=settings.idle_seconds,
    )


def stream_limits(settings: Settings) -> StreamLimits:
    """How many streams there may be at once."""
    return StreamLimits(connections_per_address=settings.streams_per_address)


def rates(settings: Settings) -> Rates | None:
    """How much a caller may ask for over time; None for without end."""
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
    """The documents of the manifest. Raises ManifestRefused."""
    if settings.trusted_documents is None:
        return TrustedDocuments()
    return TrustedDocuments.load(settings.trusted_documents, Mode(settings.trusted_documents_mode))


def allowed_origins(settings: Settings) -> AllowedOrigins:
    """The pages that may call from a browser. A developer's own page on this machine may, until it is production."""
    return AllowedOrigins(settings.allowed_origins, loopback=settings.environment != "production")


def _in_a_minute(count: int) -> Rate:
    return Rate(count, count / MINUTE)
