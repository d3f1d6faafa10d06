// The part of Paygraph's schema that the benchmark asks.
export const typeDefs = `
  scalar MinorUnits
  scalar CurrencyCode
  scalar DateTime
  scalar IdempotencyKey
  enum OrderPaymentStatus { UNPAID PENDING ACTION_REQUIRED AUTHORIZED PARTIALLY_PAID PAID OVERPAID PARTIALLY_REFUNDED REFUNDED DISPUTED }
  enum PaymentStatus { INITIATED REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE SUCCEEDED CANCELED UNKNOWN }
  enum RefundStatus { INITIATED AWAITING_APPROVAL PENDING REQUIRES_ACTION SUCCEEDED FAILED CANCELED UNKNOWN }
  enum OperationState { IN_PROGRESS SUCCEEDED FAILED UNRESOLVED NEEDS_REVIEW }
  type Money { amount: MinorUnits! currency: CurrencyCode! }
  type Refund { id: ID! status: RefundStatus! amount: Money! }
  type Payment {
    id: ID! status: PaymentStatus! createdAt: DateTime! amount: Money! amountCaptured: Money! amountRefunded: Money!
    order: Order! refunds: [Refund!]!
  }
  type PaymentEdge { cursor: String! node: Payment! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type PaymentConnection { edges: [PaymentEdge!]! nodes: [Payment!]! pageInfo: PageInfo! }
  type Order {
    id: ID! externalId: String paymentStatus: OrderPaymentStatus! total: Money! amountPaid: Money! amountDue: Money!
    payments: PaymentConnection!
  }
  type Operation { id: ID! state: OperationState! }
  type UserError { code: String! message: String! }
  type PaymentPayload { replayed: Boolean! errors: [UserError!]! operation: Operation payment: Payment }
  input MoneyInput { amount: MinorUnits! currency: CurrencyCode! }
  input CreatePaymentInput { orderId: ID! expectedAmount: MoneyInput! paymentMethodId: ID confirm: Boolean }
  type Query { order(id: ID): Order payments(first: Int, after: String): PaymentConnection! }
  type Mutation { createPayment(input: CreatePaymentInput!, idempotencyKey: IdempotencyKey!): PaymentPayload }
`;
