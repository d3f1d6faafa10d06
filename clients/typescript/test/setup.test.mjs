// The TypeScript client keeps a card without paying: one setup, whatever the network does, and how far it is.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MemoryStorage, Paygraph } from 'paygraph-client'
import { buyer, newOrder, url } from '../../compat/shop.mjs'
import { CuttingProxy } from './proxy.mjs'

const TOKEN = buyer.Authorization.replace('Bearer ', '')

let proxy

before(async () => {
  proxy = await CuttingProxy.before(url)
  await newOrder() // names the customer
})
after(() => proxy.close())

const client = (storage = new MemoryStorage()) =>
  new Paygraph({ url: proxy.url, token: () => TOKEN, storage, patienceMs: 20_000, firstPauseMs: 10 })

/** What the offline Stripe has of the setup with this secret. */
async function setups(clientSecret) {
  const books = await (await fetch(`${url}/_sandbox/books`)).json()
  return books.setup_intents.filter((setup) => setup.client_secret === clientSecret)
}

test('a setup is begun once, and a second call goes on with it', async () => {
  const paygraph = client()
  const first = await paygraph.setUp('my card')
  const second = await paygraph.setUp('my card')

  assert.equal(first.kind, 'to-set-up')
  assert.deepEqual(second, first)
  assert.equal((await setups(first.clientSecret)).length, 1)
})

test('somebody whom no order has named is told so', async () => {
  const outcome = await client().setUp('of another', { customerId: 'customer_00000000000000000000000000' })

  assert.deepEqual([outcome.kind, outcome.code], ['failed', 'NOT_FOUND'])
})
