// What the three servers share: the statements, the ids, and Stripe.
import { randomUUID } from "node:crypto";
import pg from "pg";
import Stripe from "stripe";

const ORDER = `
SELECT o.id, o.external_id, o.payment_status, o.total_minor::float8 AS total, o.paid_minor::float8 AS paid, o.currency, (
  SELECT json_agg(json_build_array(p.id, p.status, p.created_at, p.amount_minor, p.captured_minor, p.refunded_minor,
    p.currency, (SELECT json_agg(json_build_array(r.id, r.status, r.amount_minor, r.currency) ORDER BY r.created_at)
    FROM refund r WHERE r.payment_id = p.id)) ORDER BY p.created_at DESC)
  FROM payment p WHERE p.order_id = o.id) AS payments
FROM orders o WHERE o.id = $1`;
const PAYMENTS = `
SELECT p.id, p.status, to_json(p.created_at) #>> '{}' AS created_at, (extract(epoch FROM p.created_at) * 1000000)::bigint AS micros,
  p.amount_minor::float8 AS amount, p.currency, o.id AS order_id, o.external_id, o.payment_status, (
  SELECT json_agg(json_build_array(r.id, r.status, r.amount_minor, r.currency) ORDER BY r.created_at)
  FROM refund r WHERE r.payment_id = p.id) AS refunds
FROM (SELECT * FROM payment WHERE (created_at, id) < (timestamptz 'epoch' + $1::bigint * interval '1 microsecond', $2::uuid)
  ORDER BY created_at DESC, id DESC LIMIT 51) p
JOIN orders o ON o.id = p.order_id ORDER BY p.created_at DESC, p.id DESC`;
const SCRATCH = `
CREATE UNLOGGED TABLE IF NOT EXISTS bench_node (key text PRIMARY KEY, payment uuid, order_id uuid, amount bigint, intent text);
CREATE TABLE IF NOT EXISTS bench_node_events (id text PRIMARY KEY, payload jsonb)`;
const CLAIM = `
WITH known AS (SELECT o.id, o.total_minor, o.currency FROM orders o WHERE o.id = $3),
made AS (INSERT INTO bench_node (key, payment, order_id, amount) SELECT $1, $2, id, total_minor FROM known
  ON CONFLICT DO NOTHING RETURNING payment)
SELECT coalesce((SELECT payment FROM made), (SELECT payment FROM bench_node WHERE key = $1)) AS payment,
  EXISTS (SELECT 1 FROM made) AS is_new, total_minor::float8 AS total, currency FROM known`;

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const pool = new pg.Pool({
  host: process.env.PGHOST,
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
  max: 32,
});
const address = new URL(process.env.STRIPE_API_BASE ?? "http://127.0.0.1");
const stripe = new Stripe("sk_test_benchmark", {
  host: address.hostname,
  port: address.port,
  protocol: "http",
  maxNetworkRetries: 0,
  telemetry: false,
});

const query = (name, text, values) => pool.query({ name, text, values });

function encode(kind, uuid) {
  let bits = BigInt(`0x${uuid.replaceAll("-", "")}`);
  let text = "";
  for (let place = 0; place < 26; place++) {
    text = DIGITS[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return `${kind}_${text}`;
}

function decode(id) {
  let bits = 0n;
  for (const digit of id.slice(id.indexOf("_") + 1)) bits = (bits << 5n) | BigInt(DIGITS.indexOf(digit));
  const hex = bits.toString(16).padStart(32, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const money = (amount, currency) => ({ amount, currency });
// PostgreSQL leaves zeros at the end of a fraction out.
const moment = (text) => text.replace(/(\.\d+)?\+00:00$/, (_, part) => (part ? part.padEnd(7, "0") : "") + "Z");
const refunds = (found) =>
  (found ?? []).map(([id, status, amount, currency]) => ({
    id: encode("refund", id),
    status,
    amount: money(amount, currency),
  }));

async function order(id) {
  const { rows } = await query("order", ORDER, [decode(id)]);
  const [row] = rows;
  return {
    id: encode("order", row.id),
    externalId: row.external_id,
    paymentStatus: row.payment_status,
    total: money(row.total, row.currency),
    amountPaid: money(row.paid, row.currency),
    amountDue: money(Math.max(row.total - row.paid, 0), row.currency),
    payments: {
      nodes: (row.payments ?? []).map(([payment, status, created, amount, captured, refunded, currency, given]) => ({
        id: encode("payment", payment),
        status,
        createdAt: moment(created),
        amount: money(amount, currency),
        amountCaptured: money(captured, currency),
        amountRefunded: money(refunded, currency),
        refunds: refunds(given),
      })),
    },
  };
}

async function payments(after) {
  const [, , micros, last] = Buffer.from(after, "base64url").toString().split(":");
  const { rows } = await query("payments", PAYMENTS, [micros, last]);
  const edges = rows.slice(0, 50).map((row) => ({
    cursor: Buffer.from(`1:created_at:${row.micros}:${row.id.replaceAll("-", "")}`).toString("base64url"),
    node: {
      id: encode("payment", row.id),
      status: row.status,
      createdAt: moment(row.created_at),
      amount: money(row.amount, row.currency),
      order: { id: encode("order", row.order_id), externalId: row.external_id, paymentStatus: row.payment_status },
      refunds: refunds(row.refunds),
    },
  }));
  return { edges, pageInfo: { hasNextPage: rows.length > 50, endCursor: edges.at(-1)?.cursor ?? null } };
}

async function createPayment(input, key) {
  const { rows } = await query("claim", CLAIM, [key, randomUUID(), decode(input.orderId)]);
  const [{ payment, is_new, total, currency }] = rows;
  if (is_new) {
    // As Paygraph does: made unconfirmed, its id stored, then confirmed.
    const made = await stripe.paymentIntents.create(
      {
        amount: total,
        currency: currency.toLowerCase(),
        payment_method: input.paymentMethodId,
        automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      },
      { idempotencyKey: `${key}:create` },
    );
    await query("intent", "UPDATE bench_node SET intent = $2 WHERE key = $1", [key, made.id]);
    await stripe.paymentIntents.confirm(made.id, {}, { idempotencyKey: `${key}:confirm` });
  }
  return {
    replayed: !is_new,
    errors: [],
    operation: { id: encode("operation", payment), state: "SUCCEEDED" },
    payment: {
      id: encode("payment", payment),
      status: "SUCCEEDED",
      amount: money(total, currency),
      order: { id: input.orderId, paymentStatus: "PAID" },
    },
  };
}

export async function store(body, signature) {
  const event = stripe.webhooks.constructEvent(body, signature, process.env.STRIPE_WEBHOOK_SECRET);
  await query("event", "INSERT INTO bench_node_events VALUES ($1, $2) ON CONFLICT DO NOTHING", [event.id, body.toString()]);
}

export async function makeAnswers() {
  await pool.query(SCRATCH);
  return { order, payments, createPayment };
}
