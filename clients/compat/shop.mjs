// The shop that the tests buy in: tokens, orders, payments, and what the offline Stripe has taken.
import { createHmac, randomUUID } from 'node:crypto'

export const url = process.env.PAYGRAPH_URL
export const graphql = `${url}/graphql`
export const websocket = graphql.replace('http', 'ws')
export const root = new URL('../../', import.meta.url)

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function token(subject, scope, seconds = 3600) {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: subject, scope, iat: Math.min(now, now + seconds), exp: now + seconds }
  const body = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`
  return `${body}.${createHmac('sha256', process.env.PAYGRAPH_JWT_SECRET).update(body).digest('base64url')}`
}

export const customer = `buyer-${randomUUID()}` // each file of tests has its own: how often one may pay is limited
export const buyer = { Authorization: `Bearer ${token(customer, 'payments:pay')}` }
export const staff = {
  Authorization: `Bearer ${token('clerk', 'payments:read payments:write orders:write refunds:write explorer')}`,
}

// `at` is the address of another server than the one that all tests share; it has the same secret.
export async function ask(query, variables = {}, headers = staff, at = url) {
  const response = await fetch(`${at}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  })
  const answer = await response.json()
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

export async function newOrder(amount = 10_000, customerExternalId = customer, at = url) {
  const { registerOrder } = await ask(
    `mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!) {
      registerOrder(input: $input, idempotencyKey: $key) { errors { message } order { id } }
    }`,
    {
      input: { externalId: randomUUID(), total: { amount, currency: 'USD' }, customerExternalId },
      key: randomUUID(),
    },
    staff,
    at,
  )
  return registerOrder.order.id
}

export const PAY = `
  mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {
    createPayment(input: $input, idempotencyKey: $key) {
      replayed
      errors { __typename code message retryable }
      payment { __typename id status order { __typename id paymentStatus } }
    }
  }
`

export const payment = (orderId, paymentMethodId = 'pm_card_visa') => ({
  input: { orderId, expectedAmount: { amount: 10_000, currency: 'USD' }, paymentMethodId, confirm: true },
  key: randomUUID(),
})

export async function pay(orderId, paymentMethodId, at = url) {
  return (await ask(PAY, payment(orderId, paymentMethodId), buyer, at)).createPayment.payment
}

export async function refund(paymentId, at = url) {
  const input = { paymentId, amount: { amount: 100, currency: 'USD' }, reason: 'OTHER' }
  const { refundPayment } = await ask(
    `mutation Refund($input: RefundPaymentInput!, $key: IdempotencyKey!) {
      refundPayment(input: $input, idempotencyKey: $key) { errors { code } }
    }`,
    { input, key: randomUUID() },
    staff,
    at,
  )
  if (refundPayment.errors.length > 0) throw new Error(JSON.stringify(refundPayment.errors))
}

export const FOLLOW = `
  subscription Follow($order: ID!, $after: Int) {
    orderPaymentUpdated(orderId: $order, afterSequence: $after) {
      __typename id sequence type payment { __typename id status }
    }
  }
`
