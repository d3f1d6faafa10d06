// The TypeScript client through a network that breaks at every point: one charge, and the right answer.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { MemoryStorage, NotAnswered, OtherAttempt, Paygraph } from 'paygraph-client'
import { ask, buyer, newOrder, staff, url } from '../../compat/shop.mjs'
import { CuttingProxy } from './proxy.mjs'

const PIECES = 24 // how many points of a request, and of an answer, are tried
const TOKEN = buyer.Authorization.replace('Bearer ', '')

let proxy
let request
let answer

before(async () => {
  proxy = await CuttingProxy.before(url)
  await client().pay(visa(await newOrder()))
  ;[request, answer] = [proxy.sent, proxy.answered]
})
after(() => proxy.close())

const client = (more = {}) =>
  new Paygraph({
    url: proxy.url,
    token: () => TOKEN,
    storage: new MemoryStorage(),
    patienceMs: 20_000,
    firstPauseMs: 10,
    ...more,
  })
const visa = (orderId, paymentMethodId = 'pm_card_visa') => ({
  orderId,
  expectedAmount: { amount: 10_000, currency: 'USD' },
  paymentMethodId,
})

/** What the offline Stripe has taken for the order's payments, one figure for each charge. */
async function charges(orderId) {
  const { order } = await ask('query Ids($id: ID!) { order(id: $id) { payments { nodes { stripePaymentIntentId } } } }', {
    id: orderId,
  })
  const intents = new Set(order.payments.nodes.map((payment) => payment.stripePaymentIntentId))
  const books = await (await fetch(`${url}/_sandbox/books`)).json()
  return books.charges
    .filter((charge) => charge.paid && intents.has(charge.payment_intent))
    .map((charge) => charge.amount_captured)
}

/** How many charges there are at all: none may be of nobody's payment. */
async function taken() {
  const books = await (await fetch(`${url}/_sandbox/books`)).json()
  return books.charges.filter((charge) => charge.paid).length
}

const points = (length) => Array.from({ length: PIECES }, (_, index) => Math.floor((index * length) / PIECES))

test('a network that breaks anywhere leaves one charge and the right answer', async () => {
  const cuts = [...points(request), request - 1, request].map((bytes) => ({ request: bytes || 1 }))
  cuts.push(...[...points(answer), answer - 1].map((bytes) => ({ answer: bytes || 1 })))
  for (const cut of cuts) {
    const orderId = await newOrder()
    const had = await taken()
    proxy.arm(cut, 2)

    const outcome = await client().pay(visa(orderId))

    assert.equal(outcome.kind, 'paid', JSON.stringify(cut))
    assert.ok(proxy.breaks > 0, JSON.stringify(cut))
    assert.deepEqual(await charges(orderId), [10_000], JSON.stringify(cut))
    assert.equal(await taken(), had + 1, JSON.stringify(cut))
  }
})

test('a client that is killed anywhere goes on with the same key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paygraph-payer-'))
  const payer = (orderId) =>
    spawn(process.execPath, [
      join(import.meta.dirname, 'payer.mjs'),
      ...[proxy.url, TOKEN, join(folder, 'attempts.json'), orderId],
    ])
  for (const cut of [{ request: 1 }, { request: request >> 1 }, { request }, { answer: 1 }, { answer: answer >> 1 }]) {
    const orderId = await newOrder()
    proxy.arm(cut)
    const first = payer(orderId)
    while (!proxy.breaks) await pause(1)
    first.kill('SIGKILL')
    await once(first, 'exit')
    const second = payer(orderId)
    const said = (await second.stdout.toArray()).join('').trim()

    assert.equal(said, 'paid', JSON.stringify(cut))
    assert.deepEqual(await charges(orderId), [10_000], JSON.stringify(cut))
  }
  await rm(folder, { recursive: true })
})

test('the key is kept before anything is sent, and until the outcome is delivered', async () => {
  const storage = new MemoryStorage()
  const orderId = await newOrder()
  proxy.arm({ request: 1 }, 1_000)

  const unknown = await client({ storage, patienceMs: 200 }).pay(visa(orderId))
  await client({ storage }).delivered(unknown)
  const kept = storage.get(orderId)
  proxy.arm({}, 0)
  const paygraph = client({ storage })
  const paid = await paygraph.resume(orderId)

  assert.equal(unknown.kind, 'unknown')
  assert.equal(JSON.parse(kept).variables.key, unknown.key)
  assert.deepEqual([paid.kind, paid.key], ['paid', unknown.key])
  await paygraph.delivered(paid)
  assert.equal(storage.get(orderId), null)
  assert.deepEqual(await charges(orderId), [10_000])
})

test('a decline is not sent again, and another card has a new key', async () => {
  const paygraph = client()
  const orderId = await newOrder()

  const declined = await paygraph.pay(visa(orderId, 'pm_card_chargeDeclinedInsufficientFunds'))
  await assert.rejects(paygraph.pay(visa(orderId)), OtherAttempt)
  const paid = await paygraph.tryAgain(declined, 'pm_card_visa')

  assert.deepEqual([declined.kind, declined.declineCode], ['declined', 'insufficient_funds'])
  assert.equal(paid.kind, 'paid')
  assert.notEqual(paid.key, declined.key)
  assert.deepEqual(await charges(orderId), [10_000])
})

test('a decline is told in the language of the payer', async () => {
  const told = []
  for (const language of ['ja', undefined]) {
    const declined = await client({ language }).pay(visa(await newOrder(), 'pm_card_chargeDeclinedExpiredCard'))
    told.push(declined.customerMessage)
  }

  assert.deepEqual(told, [
    'カードの有効期限が切れています。別のお支払い方法をご利用ください。',
    'The card has expired. Please use another payment method.',
  ])
})

test('a token that Stripe does not know is refused, and the payment waits for another', async () => {
  const paygraph = client()
  const orderId = await newOrder()
  const { paymentMethodId: _, ...given } = visa(orderId)

  const refused = await paygraph.pay({ ...given, confirmationTokenId: 'ctoken_of_nobody' })
  const again = await paygraph.tryAgain(refused, { confirmationTokenId: 'ctoken_of_nobody_else' })
  const paid = await paygraph.tryAgain(again, { paymentMethodId: 'pm_card_visa' })

  assert.deepEqual([refused.kind, refused.code], ['failed', 'PAYMENT_METHOD_UNUSABLE'])
  assert.deepEqual([again.kind, again.code], ['failed', 'PAYMENT_METHOD_UNUSABLE'])
  assert.equal(paid.kind, 'paid')
  assert.deepEqual(await charges(orderId), [10_000])
})

test('a card is kept and pays another order', async () => {
  const paygraph = client()
  const kept = await paygraph.pay({ ...visa(await newOrder()), setupFutureUsage: 'ON_SESSION' })
  const query = '{ viewer { customer { paymentMethods { nodes { id } } } } }'
  const [{ id }] = (await ask(query, {}, buyer)).viewer.customer.paymentMethods.nodes
  const { paymentMethodId, ...another } = visa(await newOrder())

  const paid = await paygraph.pay({ ...another, savedPaymentMethodId: id })

  assert.deepEqual([kept.kind, paid.kind], ['paid', 'paid'])
  assert.deepEqual(await charges(another.orderId), [10_000])
})

test('a service charges a card while its customer is away, and the bank may want them', async () => {
  const kept = await client().pay({ ...visa(await newOrder()), setupFutureUsage: 'OFF_SESSION' })
  const query = '{ viewer { customer { paymentMethods { nodes { id } } } } }'
  const [{ id }] = (await ask(query, {}, buyer)).viewer.customer.paymentMethods.nodes
  const [orderId, another] = [await newOrder(), await newOrder()]
  const given = { expectedAmount: { amount: 10_000, currency: 'USD' }, savedPaymentMethodId: id }
  const service = client({ token: () => staff.Authorization.replace('Bearer ', '') })

  const paid = await service.payOffSession({ orderId, ...given })
  const books = await (await fetch(`${url}/_sandbox/books`)).json()
  const card = books.charges.at(-1).payment_method
  const behaves = JSON.stringify({ behaves: 'pm_card_authenticationRequired' })
  await fetch(`${url}/_sandbox/payment_methods/${card}`, { method: 'POST', body: behaves })
  const wanted = await service.payOffSession({ orderId: another, ...given })

  assert.deepEqual([kept.kind, paid.kind], ['paid', 'paid'])
  assert.deepEqual([wanted.kind, wanted.retry], ['declined', 'REAUTHENTICATE_ON_SESSION'])
  assert.deepEqual([await charges(orderId), await charges(another)], [[10_000], []])
})

test('a payer who has to act comes back and is paid', async () => {
  const paygraph = client()
  const orderId = await newOrder()
  const given = { ...visa(orderId, 'pm_card_threeDSecure2Required'), returnUrl: 'http://127.0.0.1/back' }

  const acting = await paygraph.pay(given)
  await fetch(acting.redirectUrl, { method: 'POST', body: new URLSearchParams({ result: 'complete' }), redirect: 'manual' })
  await ask('mutation Sync($id: ID!) { syncPayment(paymentId: $id) { errors { code } } }', { id: acting.payment.id })

  assert.equal(acting.kind, 'needs-action')
  assert.equal((await paygraph.pay(given)).kind, 'paid')
  assert.deepEqual(await charges(orderId), [10_000])
})

test('a refusal is final, and a bad token says nothing about the key', async () => {
  const storage = new MemoryStorage()
  const paygraph = client({ storage })
  const orderId = await newOrder()

  const refused = await paygraph.pay({ ...visa(orderId), expectedAmount: { amount: 9_999, currency: 'USD' } })
  await paygraph.delivered(refused)
  await assert.rejects(client({ storage, token: () => 'bad' }).pay(visa(orderId)), NotAnswered)

  assert.deepEqual([refused.kind, refused.code], ['failed', 'AMOUNT_MISMATCH'])
  assert.notEqual(storage.get(orderId), null)
  assert.equal((await paygraph.resume(orderId)).kind, 'paid')
  assert.deepEqual(await charges(orderId), [10_000])
})
