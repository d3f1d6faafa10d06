// The TypeScript client sees every event of an order once and in order, whatever becomes of its streams.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { MemoryStorage, NotAnswered, Paygraph } from 'paygraph-client'
import { startPaygraph } from '../../compat/paygraph.mjs'
import { ask, buyer, customer, newOrder, pay, refund, token } from '../../compat/shop.mjs'
import { CuttingProxy } from './proxy.mjs'

const TOKEN = buyer.Authorization.replace('Bearer ', '')
const PLACES = 4 // for streams of one address
const LEEWAY_SECONDS = 30 // how long the server takes a token beyond its end
const FRAME = /[0-9a-f]+\r\nevent: next\ndata: .*?\n\n\r\n/gs // one event, as a chunk of HTTP

let server
let proxy

before(async () => {
  const secret = process.env.PAYGRAPH_JWT_SECRET
  server = await startPaygraph('demo', { AUTH_JWT_SECRET: secret, STREAMS_PER_ADDRESS: `${PLACES}` })
  proxy = await CuttingProxy.before(server.url)
})
after(async () => {
  proxy.close()
  await server.stop()
})
afterEach(() => {
  proxy.edit = (piece) => piece
  proxy.arm({}, 0) // cuts what is open
})

const client = (more = {}) =>
  new Paygraph({
    url: proxy.url,
    token: () => TOKEN,
    storage: new MemoryStorage(),
    patienceMs: 20_000,
    firstPauseMs: 10,
    ...more,
  })
const order = (of = customer) => newOrder(10_000, of, server.url)
const paid = async (orderId) => (await pay(orderId, 'pm_card_visa', server.url)).id

/** How many events the order has. */
async function newest(orderId) {
  const { order } = await ask(
    'query N($id: ID!) { order(id: $id) { payments { nodes { timeline(last: 1) { nodes { sequence } } } } } }',
    { id: orderId },
    undefined,
    server.url,
  )
  return Math.max(...order.payments.nodes.flatMap(({ timeline }) => timeline.nodes.map(({ sequence }) => sequence)))
}

/** The events up to this one. */
async function until(events, sequence) {
  const seen = []
  while (!(seen.at(-1)?.sequence >= sequence)) {
    const { done, value } = await events.next()
    assert.equal(done, false, `the events ended with ${JSON.stringify(seen)}`)
    seen.push(value)
  }
  return seen
}

async function untilClosed() {
  while (proxy.open > 0) await pause(5)
}

const sequences = (events) => events.map(({ sequence }) => sequence)
const from1 = (events) => events.map((_, index) => index + 1)

test('an order is followed from its newest event to its payment', async () => {
  const orderId = await order()
  const events = client().events(orderId)

  const first = (await events.next()).value
  const id = await paid(orderId)
  const seen = [first, ...(await until(events, await newest(orderId)))]
  await events.return()

  assert.deepEqual(first, { sequence: 1, type: 'order.registered', order: { paymentStatus: 'UNPAID' }, payment: null })
  assert.deepEqual(sequences(seen), from1(seen))
  assert.deepEqual(seen.at(-1), {
    sequence: seen.length,
    type: 'payment.succeeded',
    order: { paymentStatus: 'PAID' },
    payment: { id, status: 'SUCCEEDED' },
  })
})

test('wherever a stream is cut, no event is lost or seen twice', async () => {
  const orderId = await order()
  await paid(orderId)
  const last = await newest(orderId)
  for (const cut of [{ request: 1 }, { request: 300 }, ...[1, 60, 450, 520, 700, 900].map((answer) => ({ answer }))]) {
    proxy.arm(cut)
    const events = client().events(orderId, { after: 0 })

    const seen = await until(events, last)
    await events.return()

    assert.equal(proxy.breaks, 1, JSON.stringify(cut))
    assert.deepEqual(sequences(seen), from1(seen), JSON.stringify(cut))
  }
})

test('a connection that is lost between two events is opened again behind the last one', async () => {
  const orderId = await order()
  const events = client().events(orderId)

  const seen = [(await events.next()).value]
  proxy.arm({}, 0)
  const id = await paid(orderId)
  seen.push(...(await until(events, await newest(orderId))))
  proxy.arm({}, 0)
  await refund(id, server.url)
  seen.push(...(await until(events, await newest(orderId))))
  await events.return()

  assert.deepEqual(sequences(seen), from1(seen))
})

for (const signal of ['SIGKILL', 'SIGTERM']) {
  test(`the events around a restart by ${signal} are told by the next process`, async () => {
    const orderId = await order()
    const events = client().events(orderId)

    const seen = [(await events.next()).value]
    const following = events.next()
    await server.restart(signal)
    const id = await paid(orderId)
    seen.push((await following).value)
    await refund(id, server.url)
    seen.push(...(await until(events, await newest(orderId))))
    await events.return()

    assert.deepEqual(sequences(seen), from1(seen))
  })
}

test('a connection that has gone silent is left for another one', async () => {
  const orderId = await order()
  const events = client({ silenceMs: 300 }).events(orderId)

  const seen = [(await events.next()).value]
  proxy.deafen()
  await paid(orderId)
  seen.push(...(await until(events, await newest(orderId))))
  await events.return()

  assert.deepEqual(sequences(seen), from1(seen))
})

test('a token that ends in mid-stream is renewed once, and nothing is missed', async () => {
  const orderId = await order()
  const asked = []
  const tokens = [endingSoon(), TOKEN]
  const current = (renew = false) => {
    asked.push(renew)
    if (renew) tokens.shift()
    return tokens[0]
  }
  const events = client({ token: current }).events(orderId)

  const seen = [(await events.next()).value]
  const following = events.next()
  while (asked.length < 3) await pause(5)
  await paid(orderId)
  seen.push((await following).value, ...(await until(events, await newest(orderId))))
  await events.return()

  assert.deepEqual(sequences(seen), from1(seen))
  assert.deepEqual(asked, [false, false, true])
})

test('a token that is not renewed ends the events with the reason, and a call likewise', async () => {
  const orderId = await order()
  const ending = endingSoon()
  const paygraph = client({ token: () => ending })
  const events = paygraph.events(orderId)

  await events.next()

  await assert.rejects(events.next(), (error) => error instanceof NotAnswered && error.code !== 'NOT_FOUND')
  await assert.rejects(paygraph.pay({ orderId, paymentMethodId: 'pm_card_visa' }), NotAnswered)
})

test('a token that has ended is renewed by a call, which is sent once more', async () => {
  const orderId = await order()
  const expired = token(customer, 'payments:pay', -3600)
  const paygraph = client({ token: (renew = false) => (renew ? TOKEN : expired) })
  const expectedAmount = { amount: 10_000, currency: 'USD' }

  const outcome = await paygraph.pay({ orderId, expectedAmount, paymentMethodId: 'pm_card_visa' })

  assert.equal(outcome.kind, 'paid')
})

test('an event that comes twice is seen once', async () => {
  const orderId = await order()
  await paid(orderId)
  const last = await newest(orderId)
  let repeated = 0
  proxy.edit = edited((frame) => (repeated++, frame + frame))
  const events = client().events(orderId, { after: 0 })

  const seen = await until(events, last)
  await events.return()

  assert.ok(repeated >= last - 1)
  assert.deepEqual(sequences(seen), from1(seen))
})

test('an event that does not arrive is asked for again', async () => {
  const orderId = await order()
  await paid(orderId)
  const last = await newest(orderId)
  let lost = 0
  proxy.edit = edited((frame) => (frame.includes('"sequence":2,') && lost++ === 0 ? '' : frame))
  const events = client().events(orderId, { after: 0 })

  const seen = await until(events, last)
  await events.return()

  assert.equal(lost, 2) // the first was lost, the second arrived
  assert.deepEqual(sequences(seen), from1(seen))
})

test('events that the caller may not see are left out, and hold nothing up', async () => {
  const externalId = `shared-${Date.now()}`
  const orderId = await registered(externalId, customer)
  await registered(externalId, 'somebody-else')
  await registered(externalId, customer)
  await paid(orderId)
  const events = client().events(orderId, { after: 0 })

  const seen = await until(events, await newest(orderId))
  await events.return()

  assert.equal(seen[0].sequence, 1)
  assert.ok(!sequences(seen).includes(2))
  assert.equal(seen.at(-1).type, 'payment.succeeded')
})

test('a stranger is refused at once', async () => {
  const events = client().events(await order('somebody-else'))

  await assert.rejects(events.next(), (error) => error instanceof NotAnswered && error.code === 'NOT_FOUND')
})

test('a client that closes leaves no connection, and its place is free', async () => {
  const orderId = await order()
  for (let turn = 0; turn < PLACES; turn++) { // twice as many streams as there are places
    const closing = new AbortController()
    const events = client().events(orderId, { signal: closing.signal })
    assert.equal((await events.next()).value.sequence, 1)
    const waiting = events.next()
    closing.abort()
    assert.deepEqual(await waiting, { done: true, value: undefined })
    await untilClosed()
    for await (const { sequence } of client().events(orderId)) {
      assert.equal(sequence, 1)
      break
    }
    await untilClosed()
  }
})

test('a payment whose answer nobody knows is followed until it is decided', async () => {
  const orderId = await order()
  const fault = { kind: 'drop_after', method: 'POST', path: '.*/confirm', times: 1 }
  const armed = await fetch(`${server.url}/_sandbox/faults`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(fault),
  })
  assert.ok(armed.ok, await armed.text())
  const expectedAmount = { amount: 10_000, currency: 'USD' }

  const outcome = await client().pay({ orderId, expectedAmount, paymentMethodId: 'pm_card_visa' })

  assert.equal(outcome.kind, 'paid')
})

/** Change every event of a piece; bytes that are no events pass as they are. */
const edited = (change) => (piece) => Buffer.from(piece.toString('latin1').replace(FRAME, change), 'latin1')

const endingSoon = () => token(customer, 'payments:pay', 2 - LEEWAY_SECONDS)

async function registered(externalId, customerExternalId) {
  const { registerOrder } = await ask(
    `mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!) {
      registerOrder(input: $input, idempotencyKey: $key) { order { id } }
    }`,
    { input: { externalId, total: { amount: 10_000, currency: 'USD' }, customerExternalId }, key: crypto.randomUUID() },
    undefined,
    server.url,
  )
  return registerOrder.order.id
}
