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
  /** The token that the tab begins with. Its operations' names begin with it: they are what a tab shows as its title. */
  readonly role: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Where a key, or an id of the user's own, is still missing. What holds one is never sent. */
const NO_KEY = "made-when-you-send";
const NO_PAYMENT = "payment_…";
const NO_ORDER: OfferedOrder = {
  id: "order_…",
  externalId: "your-order-number",
  amount: 4950,
  currency: "USD",
  paymentId: null,
};

const PLACEHOLDERS = new Set([NO_KEY, NO_PAYMENT, NO_ORDER.id, NO_ORDER.externalId]);

/** Whether a text only says where something is to be put. */
export function isPlaceholder(text: string): boolean {
  return PLACEHOLDERS.has(text);
}

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
        pay: {
          orderId: unpaid.id,
          expectedAmount: money,
          paymentMethodId: "pm_card_visa",
          confirm: true,
        },
        key: NO_KEY,
      },
    },
    {
      role: "Support",
      query: SUPPORT,
      variables: {
        order: paid.externalId,
        refund: {
          paymentId: paid.paymentId ?? NO_PAYMENT,
          amount: { amount: 100, currency: paid.currency },
          reason: "REQUESTED_BY_CUSTOMER",
          note: "Arrived a day late.",
        },
        key: NO_KEY,
      },
    },
    { role: "Finance", query: FINANCE, variables: {} },
    { role: "Operations", query: OPERATIONS, variables: { events: [] } },
  ];
}

const BUYER = `# The buyer: see what is owed, pay it, follow it.
# Each mutation is sent with an idempotency key
# that this page makes. Choose "Replay" above and
# send once more: the same answer comes back,
# marked replayed.

query BuyerSees($orderId: ID!) {
  order(id: $orderId) {
    externalId
    paymentStatus
    amountDue { formatted }
    payments(first: 5) {
      nodes { id status lastError { code message } }
    }
  }
}

mutation BuyerPays(
  $pay: CreatePaymentInput!
  $key: IdempotencyKey!
) {
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

subscription BuyerFollows($orderId: ID!) {
  orderPaymentUpdated(orderId: $orderId) {
    sequence
    type
    toStatus
    order { paymentStatus amountDue { formatted } }
  }
}
`;

const SUPPORT = `# Support: find a payment, read what happened to
# it, give money back.

query SupportFinds($order: String!) {
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
        refunds { id status amount { formatted } }
        timeline(first: 20) {
          edges { node { type actor { kind } } }
        }
      }
    }
  }
}

mutation SupportRefunds(
  $refund: RefundPaymentInput!
  $key: IdempotencyKey!
) {
  refundPayment(input: $refund, idempotencyKey: $key) {
    replayed
    errors {
      code
      message
      retryable
      ... on LimitExceededError { available { formatted } }
    }
    refund { id status amount { formatted } }
    payment { amountRefundable { formatted } order { paymentStatus } }
  }
}

query SupportLists {
  payments(first: 10) {
    edges {
      node { id status amount { formatted } createdAt }
    }
  }
}
`;

const FINANCE = `# Finance: is everything in order? If not, what is
# not?

query FinanceChecks {
  integrity {
    healthy
    ledgerBalanced
    unresolvedOperations
    openDiscrepancies
    auditChainVerifiedThrough
    lastReconciledAt
  }
}

query FinanceCompares {
  discrepancies(first: 20) {
    edges {
      node { id kind state local provider detectedAt }
    }
  }
  reconciliationRuns(first: 3) {
    id
    window
    checked
    repaired
  }
}
`;

const OPERATIONS = `# Operations: what hangs, what came from Stripe,
# what happens now.

query OperationsLooks {
  openOperations(first: 20) {
    edges {
      node { id kind state effect attempts createdAt }
    }
  }
  webhookEvents(first: 10) {
    edges {
      node { id type state source deliveryLagMs }
    }
  }
}

# Says how many it would be, until dryRun is false.
mutation OperationsReplays($events: [ID!]!) {
  replayWebhookEvents(ids: $events, dryRun: true) {
    affected
    errors { code message }
  }
}

# Goes on until you stop it.
subscription OperationsFollows {
  paymentsFeed {
    cursor
    type
    toStatus
    amount { formatted }
    order { externalId }
  }
}
`;
