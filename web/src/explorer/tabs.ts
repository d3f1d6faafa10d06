/** What stands ready in the explorer: one tab for each kind of caller, with operations and their variables. */

export interface OfferedOrder {
  readonly id: string;
  readonly externalId: string;
  readonly amount: number;
  readonly currency: string;
  /** The payment that paid it, if any. */
  readonly paymentId: string | null;
}

export interface RoleTab {
  /** The token that the tab begins with; also the name of its first operation, which is the tab's title. */
  readonly role: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

const NO_ORDER: OfferedOrder = {
  id: "order_…",
  externalId: "your-order-number",
  amount: 4950,
  currency: "USD",
  paymentId: null,
};

/** The tabs, about these orders: the first unpaid one is paid, the first paid one refunded. */
export function roleTabs(orders: readonly OfferedOrder[]): RoleTab[] {
  const unpaid = orders.find((order) => order.paymentId === null) ?? NO_ORDER;
  const paid = orders.find((order) => order.paymentId !== null) ?? NO_ORDER;
  const money = { amount: unpaid.amount, currency: unpaid.currency };
  return [
    {
      role: "Buyer",
      query: BUYER,
      variables: {
        orderId: unpaid.id,
        pay: { orderId: unpaid.id, expectedAmount: money, paymentMethodId: "pm_card_visa", confirm: true },
        key: "is-replaced-when-you-send",
      },
    },
    {
      role: "Support",
      query: SUPPORT,
      variables: {
        order: paid.externalId,
        refund: {
          paymentId: paid.paymentId ?? "payment_…",
          amount: { amount: 100, currency: paid.currency },
          reason: "REQUESTED_BY_CUSTOMER",
          note: "Arrived a day late.",
        },
        key: "is-replaced-when-you-send",
      },
    },
    { role: "Finance", query: FINANCE, variables: {} },
    { role: "Operations", query: OPERATIONS, variables: { events: [] } },
  ];
}

const BUYER = `# The buyer's page: see what is owed, pay it, follow it live.
# Each send of a mutation takes a fresh idempotency key. Choose "Replay" above
# and send once more: the same answer comes back, marked replayed.

query Buyer($orderId: ID!) {
  order(id: $orderId) {
    externalId
    paymentStatus
    amountDue { formatted }
    payments(first: 5) {
      nodes { id status amount { formatted } lastError { code message } }
    }
  }
}

mutation Pay($pay: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $pay, idempotencyKey: $key) {
    replayed
    errors { code message retryable }
    operation { state attempts }
    payment {
      id
      status
      amount { formatted }
      order { paymentStatus }
    }
  }
}

subscription Follow($orderId: ID!) {
  orderPaymentUpdated(orderId: $orderId) {
    sequence
    type
    toStatus
    order { paymentStatus amountDue { formatted } }
  }
}
`;

const SUPPORT = `# Support: find a payment, read its story, give money back.

query Support($order: String!) {
  order(externalId: $order) {
    paymentStatus
    amountPaid { formatted }
    amountRefunded { formatted }
    payments(first: 5) {
      nodes {
        id
        status
        allowedActions
        amountRefundable { formatted }
        refunds { id status amount { formatted } reason note }
        timeline(first: 20) {
          edges { node { occurredAt type amount { formatted } actor { kind id } } }
        }
      }
    }
  }
}

mutation Refund($refund: RefundPaymentInput!, $key: IdempotencyKey!) {
  refundPayment(input: $refund, idempotencyKey: $key) {
    replayed
    errors {
      code
      message
      ... on LimitExceededError { available { formatted } }
    }
    refund { id status amount { formatted } }
    payment { amountRefundable { formatted } order { paymentStatus } }
  }
}

query Payments {
  payments(first: 10) {
    edges { node { id status amount { formatted } createdAt order { externalId } } }
  }
}
`;

const FINANCE = `# Finance: is everything in order, and if not, what is not?

query Finance {
  integrity {
    healthy
    ledgerBalanced
    unresolvedOperations
    openDiscrepancies
    auditChainVerifiedThrough
    lastReconciledAt
  }
}

query Differences {
  discrepancies(first: 20) {
    edges { node { id kind state local provider payment { id } detectedAt } }
  }
  reconciliationRuns(first: 3) { id window checked repaired startedAt finishedAt }
}
`;

const OPERATIONS = `# Operations: what hangs, what came from Stripe, and what happens now.

query Operations {
  openOperations(first: 20) {
    edges { node { id kind state effect attempts createdAt } }
  }
  webhookEvents(first: 10) {
    edges { node { id type state attempts source receivedAt deliveryLagMs } }
  }
}

# It only says how many it would be, until dryRun is false.
mutation ReplayEvents($events: [ID!]!) {
  replayWebhookEvents(ids: $events, dryRun: true) {
    affected
    errors { code message }
  }
}

# Runs until you stop it. Pay something in the Buyer's tab meanwhile.
subscription Feed {
  paymentsFeed {
    cursor
    type
    toStatus
    amount { formatted }
    order { externalId }
  }
}
`;
