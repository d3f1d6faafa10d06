// What a normalised cache must not confuse or lose, as operations that a page asks and a story that the shop lives.
import { randomUUID } from 'node:crypto'
import { everythingOf } from './selection.mjs'
import { PAY, ask, newOrder, payment, token } from './shop.mjs'

const SCOPES_OF_CLERKS = 'payments:read refunds:write'

export const TIMELINE = `
  query Timeline($id: ID!) {
    payment(id: $id) { __typename id timeline(first: 50) { edges { node { __typename id type actor { ${everythingOf('Actor')} } } } } }
  }
`
// The page of a payer who has to visit their bank.
export const BANK = `
  query Bank($id: ID!) {
    payment(id: $id) { ${everythingOf('Payment')} }
    paymentConfirmation(paymentId: $id) { clientSecret nextAction { type redirectUrl } }
  }
`
export const EVENTS = `
  subscription Events($id: ID!) { paymentUpdated(paymentId: $id, afterSequence: 0) { id sequence payment { ${everythingOf('Payment')} } } }
`

// A buyer and a clerk of one name: the buyer pays, the clerk gives a part back. The payment's id, and the clerk's headers.
export async function twoOfOneName() {
  const name = `42-${randomUUID()}`
  const [buyer, clerk] = ['payments:pay', SCOPES_OF_CLERKS].map((scope) => ({ Authorization: `Bearer ${token(name, scope)}` }))
  const { createPayment } = await ask(PAY, payment(await newOrder(10_000, name)), buyer)
  const { id } = createPayment.payment
  const input = { paymentId: id, amount: { amount: 100, currency: 'USD' }, reason: 'REQUESTED_BY_CUSTOMER' }
  await ask(
    `mutation Refund($input: RefundPaymentInput!, $key: IdempotencyKey!) {
      refundPayment(input: $input, idempotencyKey: $key) { refund { id } }
    }`,
    { input, key: randomUUID() },
    clerk,
  )
  return { id, clerk }
}

// Who did what, from a timeline: [['payment.created', 'CUSTOMER'], …], without what Stripe and we did by ourselves.
export function deeds({ payment: { timeline } }) {
  const all = timeline.edges.map(({ node }) => [node.type, node.actor.kind])
  return all.filter(([, kind]) => kind === 'CUSTOMER' || kind === 'STAFF')
}

// A payment whose payer has to visit their bank; its id.
export async function waitsForTheBank(headers) {
  const { input, key } = payment(await newOrder(), 'pm_card_threeDSecure2Required')
  const { createPayment } = await ask(PAY, { input: { ...input, returnUrl: 'http://localhost/back' }, key }, headers)
  return createPayment.payment.id
}

// The paths of what was there before, and is null or gone now.
export function erased(before, after, path = '') {
  if (before === null || typeof before !== 'object') return before !== null && after == null ? [path] : []
  return Object.keys(before).flatMap((name) => erased(before[name], after?.[name], `${path}.${name}`))
}
