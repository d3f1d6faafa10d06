"""A database of Paygraph's tables with any number of payments, made by a few statements and kept between runs."""

import asyncpg

from database.connection import migrate, parse_url
from database.embedded import EmbeddedPostgres

SHOPS_TIME = "timestamptz '2026-01-01 00:00:00+00'"

# One order for each payment but for every sixth, which is the second payment of an order whose first was canceled.
STATEMENTS = (
    # A UUIDv7 of a given time, the rest derived from a text: the same rows in every run.
    """
    CREATE FUNCTION bench_id(at timestamptz, seed text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(seed), 1, 3)
              || '8' || substr(md5(seed), 4, 15))::uuid
    $$
    """,
    f"CREATE FUNCTION bench_at(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    f"$$ SELECT {SHOPS_TIME} + n * interval '1 second' $$",
    """
    INSERT INTO customer (id, external_id, email, created_at, updated_at)
    SELECT bench_id(bench_at(0), 'c' || n), 'buyer-' || n, NULL, bench_at(0), bench_at(0)
    FROM generate_series(0, {customers} - 1) n
    """,
    """
    INSERT INTO orders (id, external_id, total_minor, currency, paid_minor, refunded_minor, payment_status, metadata,
      version, last_sequence, last_hash, created_at, updated_at, customer_id)
    SELECT bench_id(bench_at(n), 'o' || n), 'order-' || n, 1000 + n % 9000, 'USD', 1000 + n % 9000,
      CASE WHEN n % 4 = 0 THEN 100 ELSE 0 END, CASE WHEN n % 4 = 0 THEN 'PARTIALLY_REFUNDED' ELSE 'PAID' END, '{{}}',
      3, 2, encode(sha256(('e2' || n)::bytea), 'hex'), bench_at(n), bench_at(n),
      bench_id(bench_at(0), 'c' || n % {customers})
    FROM generate_series(1, {orders}) n
    """,
    """
    INSERT INTO payment (id, livemode, status, capture_method, currency, amount_minor, capturable_minor,
      captured_minor, refunded_minor, refund_pending_minor, disputed_minor, stripe_payment_intent_id, stripe_charge_id,
      method, metadata, version, last_synced_at, created_at, updated_at, customer_id, order_id)
    SELECT bench_id(bench_at(n + 1), 'p' || n), false, CASE WHEN given_up THEN 'CANCELED' ELSE 'SUCCEEDED' END,
      'AUTOMATIC', 'USD', 1000 + o % 9000, 0, CASE WHEN given_up THEN 0 ELSE 1000 + o % 9000 END,
      CASE WHEN o % 4 = 0 AND NOT given_up THEN 100 ELSE 0 END, 0, 0, 'pi_bench' || n,
      CASE WHEN given_up THEN NULL ELSE 'ch_bench' || n END,
      '{{"type": "card", "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}}',
      '{{}}', 3, bench_at(n), bench_at(n + 1), bench_at(n + 1),
      bench_id(bench_at(0), 'c' || o % {customers}), bench_id(bench_at(o), 'o' || o)
    FROM (SELECT n, 1 + (n - 1) % {orders} AS o, n <= {payments} - {orders} AS given_up
          FROM generate_series(1, {payments}) n) AS numbered
    """,
    """
    INSERT INTO refund (id, livemode, amount_minor, currency, status, reason, requested_by, stripe_refund_id, metadata,
      created_at, updated_at, payment_id)
    SELECT bench_id(created_at, 'r' || id), false, 100, 'USD', 'SUCCEEDED', 'REQUESTED_BY_CUSTOMER',
      '{{"kind": "STAFF", "id": "clerk", "label": null}}', 're_bench' || row_number() OVER (), '{{}}',
      created_at, created_at, id
    FROM payment WHERE refunded_minor > 0
    """,
    """
    INSERT INTO payment_event (id, payment_id, sequence, type, actor, from_status, to_status, amount_minor, currency,
      before, after, occurred_at, recorded_at, previous_hash, hash, order_id)
    SELECT bench_id(p.created_at, 'e' || s || p.id), p.id, s + CASE WHEN p.status = 'CANCELED' THEN 10 ELSE 0 END,
      CASE s WHEN 1 THEN 'payment.created' ELSE 'payment.' || lower(p.status) END, '{{"kind": "SYSTEM"}}',
      CASE s WHEN 1 THEN NULL ELSE 'INITIATED' END, CASE s WHEN 1 THEN 'INITIATED' ELSE p.status END, p.amount_minor,
      'USD', '{{}}', '{{}}', p.created_at, p.created_at, encode(sha256((s || 'b' || p.id)::bytea), 'hex'),
      encode(sha256((s || 'h' || p.id)::bytea), 'hex'), p.order_id
    FROM payment p CROSS JOIN generate_series(1, 2) s
    """,
    """
    INSERT INTO operation (id, principal, kind, key, fingerprint, leaves, actor, request_id, state, effect, step,
      generation, params, attempt, order_id, payment_id, created_at, updated_at, finished_at, expires_at)
    SELECT bench_id(created_at, 'x' || id), 'service', 'CREATE_PAYMENT', 'bench-' || id, repeat('0', 64), '{{}}',
      '{{}}', '', 'SUCCEEDED', 'APPLIED', 'confirm', 1, '{{}}', 1, order_id, id, created_at, created_at, created_at,
      created_at + interval '30 days'
    FROM payment
    """,
)
FRESH_ORDERS = """
INSERT INTO orders (id, external_id, total_minor, currency, paid_minor, refunded_minor, payment_status, metadata,
  version, last_sequence, last_hash, created_at, updated_at)
SELECT bench_id(now(), $1 || n), 'fresh-' || $1 || n, 1000, 'USD', 0, 0, 'UNPAID', '{}', 1, 0, '', now(), now()
FROM generate_series(1, $2::int) n RETURNING id
"""


async def prepared(postgres: EmbeddedPostgres, payments: int) -> str:
    """Return the address of a database with this many payments; made when it does not exist yet."""
    name = f"bench_{payments}"
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    try:
        if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await migrate(postgres.url(name))  # migrations added since it was made
            return postgres.url(name)
        await admin.execute(f"DROP DATABASE IF EXISTS {name}_made WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name}_made")
        await migrate(postgres.url(f"{name}_made"))
        await fill(postgres.url(f"{name}_made"), payments)
        await admin.execute(f"ALTER DATABASE {name}_made RENAME TO {name}")
    finally:
        await admin.close()
    return postgres.url(name)


async def fill(url: str, payments: int) -> None:
    """Insert this many payments, and their related rows, into an empty database."""
    sizes = {"payments": payments, "orders": payments - payments // 6, "customers": max(payments // 10, 1)}
    connection = await asyncpg.connect(**parse_url(url))
    try:
        await connection.execute("SET synchronous_commit = off")
        for statement in STATEMENTS:
            await connection.execute(statement.format(**sizes) if "{" in statement else statement, timeout=3_600)
        await connection.execute("VACUUM ANALYZE", timeout=3_600)
    finally:
        await connection.close()
