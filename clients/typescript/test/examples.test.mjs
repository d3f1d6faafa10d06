// The checkout that docs/clients shows: what the buyer sees, and one charge.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStorage, Paygraph } from 'paygraph-client'
import { ask, buyer, newOrder, url } from '../../compat/shop.mjs'
import { pay, start } from '../examples/checkout.mjs'

const TOKEN = buyer.Authorization.replace('Bearer ', '')
const returnUrl = 'http://127.0.0.1/paid'

/** A page that writes down what it shows. */
function page(storage = new MemoryStorage()) {
  const shown = []
  const show = Object.fromEntries(
    ['receipt', 'declined', 'action', 'failed', 'waiting'].map((what) => [what, (...told) => shown.push([what, ...told])]),
  )
  const paygraph = new Paygraph({ url, token: () => TOKEN, storage, patienceMs: 20_000, firstPauseMs: 10 })
  return { shown, show, paygraph, storage }
}

async function given(method = 'pm_card_visa') {
  const id = await newOrder()
  const query = 'query O($id: ID!) { order(id: $id) { id amountDue { amount currency formatted } } }'
  return { order: (await ask(query, { id }, buyer)).order, paidWith: { paymentMethodId: method }, returnUrl }
}

test('what is paid is shown, and its key forgotten', async () => {
  const at = page()
  const wanted = await given()

  await pay({ ...at, ...wanted })

  assert.deepEqual(at.shown.map(([what]) => what), ['receipt'])
  assert.equal(at.storage.get(wanted.order.id), null)
})

test('after a decline the way on pays the same payment', async () => {
  const at = page()
  await pay({ ...at, ...(await given('pm_card_chargeDeclined')) })
  const [[what, message, tryAgain]] = at.shown

  await tryAgain({ paymentMethodId: 'pm_card_visa' }, returnUrl)

  assert.equal(what, 'declined')
  assert.ok(message)
  assert.equal(at.shown[1][0], 'receipt')
})

test('a page that was reloaded takes up what was begun', async () => {
  const first = page()
  const wanted = await given('pm_card_threeDSecure2Required')
  await pay({ ...first, ...wanted })
  const [[what, redirectUrl]] = first.shown
  await fetch(redirectUrl, { method: 'POST', body: new URLSearchParams({ result: 'complete' }), redirect: 'manual' })
  const sync = 'mutation S($id: ID!) { syncPayment(paymentId: $id) { errors { code } } }'
  const kept = await first.paygraph.resume(wanted.order.id)
  await ask(sync, { id: kept.payment.id })
  const second = page(first.storage)

  await start({ ...second, orderId: wanted.order.id })
  await start({ ...second, orderId: wanted.order.id })

  assert.equal(what, 'action')
  assert.deepEqual(second.shown.map(([what]) => what), ['receipt'])
})

test('an order that changed is refused for good', async () => {
  const at = page()
  const { order, ...wanted } = await given()

  await pay({ ...at, order: { ...order, amountDue: { amount: 1, currency: 'USD' } }, ...wanted })

  assert.deepEqual(at.shown, [['failed', 'AMOUNT_MISMATCH']])
})
