// urql with graphcache, which checks against the schema; subscriptions over graphql-sse and urql's own fetch.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import { introspectionFromSchema } from 'graphql'
import { createClient as createStream } from 'graphql-sse'
import { BANK, EVENTS, TIMELINE, deeds, erased, twoOfOneName, waitsForTheBank } from './one-thing.mjs'
import { schema, withoutId } from './selection.mjs'
import { FOLLOW, PAY, buyer, graphql, newOrder, pay, payment } from './shop.mjs'

const introspection = introspectionFromSchema(schema)
const keys = Object.fromEntries(withoutId().map((name) => [name, () => null]))

const client = (...exchanges) => clientOf(buyer, ...exchanges)

function clientOf(headers, ...exchanges) {
  const cache = cacheExchange({ schema: introspection, keys, resolvers: { Query: { payments: relayPagination() } } })
  const given = { url: graphql, fetchOptions: { headers }, fetchSubscriptions: true }
  return new Client({ ...given, exchanges: [cache, ...exchanges, fetchExchange] })
}

test('a mutation pays once, and its payment is in the cache', async () => {
  const urql = client()
  const variables = payment(await newOrder())

  const first = await urql.mutation(PAY, variables).toPromise()
  const second = await urql.mutation(PAY, variables).toPromise()
  const { id } = first.data.createPayment.payment
  const read = await urql
    .query('query Read($id: ID!) { payment(id: $id) { id status } }', { id }, { requestPolicy: 'network-only' })
    .toPromise()
  const cached = await urql
    .query('query Read($id: ID!) { payment(id: $id) { id status } }', { id }, { requestPolicy: 'cache-only' })
    .toPromise()

  assert.equal(first.error, undefined)
  assert.equal(second.data.createPayment.replayed, true)
  assert.equal(read.data.payment.status, 'SUCCEEDED')
  assert.equal(cached.data.payment.status, 'SUCCEEDED')
})

test('pages are joined by relayPagination', async () => {
  const urql = client()
  for (let left = 2; left > 0; left--) await pay(await newOrder())
  const query = `query Page($after: String) {
    payments(first: 1, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
  }`

  const first = await urql.query(query, {}).toPromise()
  const both = await urql.query(query, { after: first.data.payments.pageInfo.endCursor }).toPromise()

  assert.equal(first.data.payments.edges.length, 1)
  assert.equal(new Set(both.data.payments.edges.map(({ node }) => node.id)).size, 2)
})

test('a refusal is an error with its code', async () => {
  const { error } = await client().query('{ integrity { healthy } }', {}).toPromise()

  assert.equal(error.graphQLErrors[0].extensions.code, 'FORBIDDEN')
})

async function follows(urql) {
  const order = await newOrder()
  const seen = []
  const paid = new Promise((resolve, reject) => {
    const { unsubscribe } = urql.subscription(FOLLOW, { order, after: 0 }).subscribe(({ data, error }) => {
      if (error) return reject(error)
      seen.push(data.orderPaymentUpdated)
      if (seen.at(-1).type === 'payment.succeeded') {
        resolve()
        setTimeout(() => unsubscribe())
      }
    })
  })
  await pay(order)
  await paid
  assert.deepEqual(seen.map(({ sequence }) => sequence), seen.map((_, index) => index + 1))
}

test('fetchSubscriptions follows an order', async () => follows(client()))

test('graphql-sse follows an order', async () => {
  const stream = createStream({ url: graphql, headers: buyer })
  const forwarded = subscriptionExchange({
    forwardSubscription: (operation) => ({
      subscribe: (sink) => ({ unsubscribe: stream.subscribe(operation, sink) }),
    }),
  })
  await follows(client(forwarded))
  stream.dispose()
})

test("the clerk's refund is the clerk's, and the payment the customer's, of one name, without a warning", async (context) => {
  const warned = context.mock.method(console, 'warn', () => undefined)
  const { id, clerk } = await twoOfOneName()

  const { data } = await clientOf(clerk).query(TIMELINE, { id }).toPromise()

  assert.deepEqual([...new Set(deeds(data).map(([, kind]) => kind))].sort(), ['CUSTOMER', 'STAFF'])
  for (const [type, kind] of deeds(data)) assert.equal(kind, type.startsWith('refund') ? 'STAFF' : 'CUSTOMER', type)
  assert.deepEqual(warned.mock.calls.map((call) => call.arguments[0]), [])
})

test("the bank's page stays on the screen when events of the payment arrive", async () => {
  const urql = client()
  const variables = { id: await waitsForTheBank(buyer) }
  const { data: before } = await urql.query(BANK, variables).toPromise()

  await new Promise((resolve, reject) => {
    const { unsubscribe } = urql.subscription(EVENTS, variables).subscribe(({ data, error }) => {
      if (error) return reject(error)
      if (data.paymentUpdated.payment.status !== 'REQUIRES_ACTION') return
      resolve()
      setTimeout(() => unsubscribe())
    })
  })
  const { data: after } = await urql.query(BANK, variables, { requestPolicy: 'cache-only' }).toPromise()

  assert.match(before.paymentConfirmation.nextAction.redirectUrl, /^http/)
  assert.match(before.paymentConfirmation.clientSecret, /_secret_/)
  assert.deepEqual(erased(before, after), [])
  assert.deepEqual(after.paymentConfirmation, before.paymentConfirmation)
})
