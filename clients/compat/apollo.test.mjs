// Apollo Client: queries, mutations, error policy, the normalised cache, subscriptions over graphql-ws and multipart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { BANK, EVENTS, TIMELINE, deeds, erased, twoOfOneName, waitsForTheBank } from './one-thing.mjs'
import { FOLLOW, PAY, ask, buyer, graphql, newOrder, pay, payment, websocket } from './shop.mjs'

const READ = gql`
  query Read($id: ID!) {
    payment(id: $id) { id status order { id paymentStatus } }
  }
`

const http = (headers = buyer) => new HttpLink({ uri: graphql, headers })
const client = (link = http()) => new ApolloClient({ link, cache: new InMemoryCache() })

test('a mutation pays once, and the cache knows the payment without asking', async () => {
  const apollo = client()
  const order = await newOrder()
  const variables = payment(order)

  const first = await apollo.mutate({ mutation: gql(PAY), variables })
  const second = await apollo.mutate({ mutation: gql(PAY), variables })
  const { id } = first.data.createPayment.payment
  const cached = await apollo.query({ query: READ, variables: { id }, fetchPolicy: 'cache-first' })

  assert.equal(first.data.createPayment.payment.status, 'SUCCEEDED')
  assert.equal(second.data.createPayment.replayed, true)
  assert.equal(cached.data.payment.order.paymentStatus, 'PAID')
  assert.deepEqual(Object.keys(apollo.cache.extract()).filter((name) => name.includes(':')).sort(), [
    `Order:${order}`,
    `Payment:${id}`,
  ])
})

test('the error policies see refusals of the request, and partial data', async () => {
  const query = gql`query Mixed { __typename integrity { healthy } }`
  const anonymous = gql`query Who { viewer { livemode } }`

  await assert.rejects(client().query({ query }), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error))
    assert.equal(error.errors[0].extensions.code, 'FORBIDDEN')
    return true
  })
  const all = await client(http({})).query({ query: anonymous, errorPolicy: 'all' })
  assert.equal(all.error.errors[0].extensions.code, 'UNAUTHENTICATED')
})

test('a decline is data, not an error', async () => {
  const variables = payment(await newOrder(), 'pm_card_chargeDeclined')

  const { data, error } = await client().mutate({ mutation: gql(PAY), variables })

  assert.equal(error, undefined)
  assert.deepEqual(data.createPayment.errors.map(({ code, retryable }) => [code, retryable]), [
    ['CARD_DECLINED', false],
  ])
})

async function follows(link) {
  const apollo = client(ApolloLink.split(({ operationType }) => operationType === 'subscription', link, http()))
  const order = await newOrder()
  const seen = []
  const paid = new Promise((resolve, reject) => {
    const subscription = apollo.subscribe({ query: gql(FOLLOW), variables: { order, after: 0 } }).subscribe({
      next: ({ data, error }) => {
        if (error) return reject(error)
        seen.push(data.orderPaymentUpdated)
        if (seen.at(-1).type === 'payment.succeeded') {
          subscription.unsubscribe()
          resolve()
        }
      },
      error: reject,
    })
  })
  const { id } = await pay(order)
  await paid
  assert.deepEqual(seen.map(({ sequence }) => sequence), seen.map((_, index) => index + 1))
  assert.equal(apollo.cache.extract()[`Payment:${id}`].status, 'SUCCEEDED')
}

test('a subscription over graphql-ws fills the cache', async () => {
  const socket = createClient({ url: websocket, webSocketImpl: WebSocket, connectionParams: buyer })
  await follows(new GraphQLWsLink(socket))
  await socket.dispose()
})

test('a subscription over multipart HTTP fills the cache', async () => {
  await follows(http())
})

test('two pages of payments are asked with cursors', async () => {
  const orders = [await newOrder(), await newOrder()]
  for (const order of orders) await pay(order)
  const query = gql`
    query Page($after: String) {
      payments(first: 1, after: $after) { edges { node { id } } pageInfo { endCursor hasNextPage } }
    }
  `
  const apollo = client()
  const first = await apollo.query({ query })
  const second = await apollo.query({ query, variables: { after: first.data.payments.pageInfo.endCursor } })

  assert.equal(first.data.payments.pageInfo.hasNextPage, true)
  assert.notEqual(first.data.payments.edges[0].node.id, second.data.payments.edges[0].node.id)
  await ask('{ __typename }')
})

test("the clerk's refund is the clerk's, and the payment the customer's, of one name", async () => {
  const { id, clerk } = await twoOfOneName()

  const { data } = await client(http(clerk)).query({ query: gql(TIMELINE), variables: { id } })

  assert.deepEqual([...new Set(deeds(data).map(([, kind]) => kind))].sort(), ['CUSTOMER', 'STAFF'])
  for (const [type, kind] of deeds(data)) assert.equal(kind, type.startsWith('refund') ? 'STAFF' : 'CUSTOMER', type)
})

test("the bank's page stays on the screen when events of the payment arrive", async () => {
  const socket = createClient({ url: websocket, webSocketImpl: WebSocket, connectionParams: buyer })
  const isLive = ({ operationType }) => operationType === 'subscription'
  const apollo = client(ApolloLink.split(isLive, new GraphQLWsLink(socket), http()))
  const variables = { id: await waitsForTheBank(buyer) }
  const { data: before } = await apollo.query({ query: gql(BANK), variables })
  const screens = []
  const watching = apollo.watchQuery({ query: gql(BANK), variables }).subscribe(({ data }) => screens.push(data))

  await new Promise((resolve, reject) => {
    const events = apollo.subscribe({ query: gql(EVENTS), variables }).subscribe({
      next: ({ data, error }) => {
        if (error) return reject(error)
        if (data.paymentUpdated.payment.status !== 'REQUIRES_ACTION') return
        events.unsubscribe()
        resolve()
      },
      error: reject,
    })
  })
  watching.unsubscribe()

  assert.match(before.paymentConfirmation.nextAction.redirectUrl, /^http/)
  assert.match(before.paymentConfirmation.clientSecret, /_secret_/)
  assert.ok(screens.length > 0)
  for (const screen of [...screens, apollo.readQuery({ query: gql(BANK), variables })]) {
    assert.deepEqual(erased(before, screen), [])
    assert.deepEqual(screen.paymentConfirmation, before.paymentConfirmation)
  }
  await socket.dispose()
})
