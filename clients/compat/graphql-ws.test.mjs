// graphql-ws and graphql-sse: streams, their errors, their refusals, and how they go on after a break.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient as createSocket } from 'graphql-ws'
import { createClient as createStream } from 'graphql-sse'
import WebSocket from 'ws'
import { FOLLOW, buyer, graphql, newOrder, pay, websocket } from './shop.mjs'

const socketClient = (more = {}) =>
  createSocket({ url: websocket, webSocketImpl: WebSocket, connectionParams: buyer, retryAttempts: 0, ...more })
const streamClient = (headers = buyer) => createStream({ url: graphql, headers, retryAttempts: 0 })

async function until(events, type, seen = []) {
  for await (const { data, errors } of events) {
    assert.equal(errors, undefined, JSON.stringify(errors))
    seen.push(data.orderPaymentUpdated)
    if (seen.at(-1).type === type) return seen
  }
  assert.fail('the stream ended')
}

const sequences = (events) => events.map(({ sequence }) => sequence)
const from = (first, events) => events.map((_, index) => first + index)

for (const [name, open] of [
  ['graphql-ws', socketClient],
  ['graphql-sse', streamClient],
]) {
  test(`${name}: all events of an order arrive in their sequence, and resume after the last one seen`, async () => {
    const order = await newOrder()
    const first = open()
    const paying = pay(order)
    const seen = await until(first.iterate({ query: FOLLOW, variables: { order, after: 0 } }), 'payment.initiated')
    await first.dispose()
    await paying
    const second = open()
    const rest = await until(
      second.iterate({ query: FOLLOW, variables: { order, after: seen.at(-1).sequence } }),
      'payment.succeeded',
    )
    await second.dispose()

    assert.deepEqual(sequences([...seen, ...rest]), from(1, [...seen, ...rest]))
  })
}

test('graphql-ws: after its socket was cut a client goes on behind the last event it saw', async () => {
  const order = await newOrder()
  let socket
  const cut = socketClient({ on: { opened: (opened) => (socket = opened) } })
  const living = cut.iterate({ query: FOLLOW, variables: { order, after: 0 } })
  const seen = [(await living.next()).value.data.orderPaymentUpdated]
  socket.terminate() // no closing handshake, as when a network is lost
  await assert.rejects(living.next(), (event) => event.code === 1006)
  await pay(order)

  const again = socketClient()
  const rest = await until(
    again.iterate({ query: FOLLOW, variables: { order, after: seen[0].sequence } }),
    'payment.succeeded',
  )
  await again.dispose()

  assert.deepEqual(sequences([...seen, ...rest]), from(1, [...seen, ...rest]))
})

test('graphql-ws: a syntax error ends its operation and not the socket', async () => {
  const closed = []
  const client = socketClient({ lazy: false, onNonLazyError: assert.fail, on: { closed: (event) => closed.push(event) } })
  const order = await newOrder()
  const living = client.iterate({ query: FOLLOW, variables: { order } })
  assert.equal((await living.next()).value.data.orderPaymentUpdated.type, 'order.registered')

  await assert.rejects(
    client.iterate({ query: 'subscription {' }).next(),
    (errors) => errors[0].extensions.code === 'GRAPHQL_PARSE_FAILED',
  )

  await pay(order)
  assert.equal((await living.next()).value.data.orderPaymentUpdated.sequence, 2)
  assert.deepEqual(closed, [])
  await client.dispose()
})

test('graphql-ws: a bad token is refused with 4403', async () => {
  const client = socketClient({ connectionParams: { Authorization: 'Bearer bad' } })

  await assert.rejects(client.iterate({ query: '{ viewer { livemode } }' }).next(), (event) => event.code === 4403)
})

test('graphql-sse: a bad token is refused with 401', async () => {
  const client = streamClient({ Authorization: 'Bearer bad' })

  await assert.rejects(client.iterate({ query: FOLLOW, variables: { order: 'x' } }).next(), (error) => {
    assert.equal(error.response.status, 401)
    return true
  })
})

test('graphql-sse: a subscription that cannot be is refused with its errors', async () => {
  const client = streamClient()

  await assert.rejects(client.iterate({ query: 'subscription { nothing }' }).next(), (error) => {
    assert.equal(error.response.status, 400)
    return true
  })
})
