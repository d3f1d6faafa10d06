// The single-page app of docs/clients: its caches keep what they must, and each transport goes on after every break.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test as run } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gql } from '@apollo/client'
import { buildSchema, isObjectType } from 'graphql'
import { createOperationDescriptor, fetchQuery } from 'relay-runtime'
import WebSocket from 'ws'
import { CuttingProxy } from '../typescript/test/proxy.mjs'
import { codegenManifest, relayManifest, tool } from './manifests.mjs'
import { startPaygraph } from './paygraph.mjs'
import { buyer, customer, newOrder, pay, payment, refund, root, token } from './shop.mjs'
import { apolloCache, apolloClient, apolloSubscribe } from './spa/apollo.mjs'
import { factsOf } from './spa/cache-facts.mjs'
import { followOrder } from './spa/follow.mjs'
import { relayEnvironment, relaySubscribe } from './spa/relay.mjs'
import { eventStreams, sockets } from './spa/streams.mjs'
import { urqlClient, urqlSubscribe } from './spa/urql.mjs'

globalThis.WebSocket ??= WebSocket // as in a browser
const execute = promisify(execFile)
const test = (name, act) => run(name, { timeout: 60_000 }, act)
const here = import.meta.dirname
const sdl = await readFile(new URL('schema/schema.graphql', root), 'utf8')
const facts = factsOf(sdl)
const TOKEN = buyer.Authorization.replace('Bearer ', '')
const secret = process.env.PAYGRAPH_JWT_SECRET
const LEEWAY_SECONDS = 30 // how long the server takes a token beyond its end

let followByRelay
let manifest
let documents // as graphql-codegen writes them
let server
let proxy

before(async () => {
  manifest = await codegenManifest('spa/codegen.config.mjs', 'spa')
  await execute(tool('tsc'), ['-p', 'spa'], { cwd: here })
  documents = await import('./spa/generated/js/graphql.js')
  await mkdir(join(here, 'relay/__generated__'), { recursive: true })
  await execute(tool('relay-compiler'), ['relay.config.json'], { cwd: join(here, 'relay') })
  followByRelay = await relayArtifact('followSubscription')
  server = await startPaygraph('demo', { AUTH_JWT_SECRET: secret })
  proxy = await CuttingProxy.before(server.url)
})
after(async () => {
  proxy.close()
  await server.stop()
})

const order = () => newOrder(10_000, customer, server.url)
const paid = async (id) => (await pay(id, 'pm_card_visa', server.url)).id
const given = (more = {}) => ({ url: `${proxy.url}/graphql`, token: () => TOKEN, facts, ...more })

test('the facts name every abstract type, every value and every page of the schema', () => {
  const schema = buildSchema(sdl)
  const objects = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__'))

  assert.deepEqual(facts.possibleTypes.OperationResult.includes('Payment'), true)
  for (const type of objects) {
    for (const { name } of type.getInterfaces()) assert.ok(facts.possibleTypes[name].includes(type.name))
    assert.equal(facts.values.includes(type.name), !('id' in type.getFields()) && !['Query', 'Mutation', 'Subscription'].includes(type.name))
    for (const field of Object.values(type.getFields())) {
      const isPage = String(field.type).replace('!', '').endsWith('Connection')
      assert.equal(facts.pages[type.name]?.[field.name] !== undefined, isPage, `${type.name}.${field.name}`)
    }
  }
  assert.deepEqual(facts.pages.Query.payments, ['filter', 'sort'])
})

// -- caches -------------------------------------------------------------------------------------------------------------

const AMOUNT = gql`query Amount($id: ID!) { order(id: $id) { id amountDue { amount currency } } }`
const WORDS = gql`query Words($id: ID!) { order(id: $id) { id amountDue { amount currency formatted } } }`
const due = (money) => ({ order: { __typename: 'Order', id: 'o', amountDue: { __typename: 'Money', ...money } } })

test('Apollo: two selections of one amount are one, and a new amount leaves no old words behind', () => {
  const cache = apolloCache(facts)
  const variables = { id: 'o' }
  const old = { amount: 10_000, currency: 'USD', formatted: '$100.00' }

  cache.writeQuery({ query: WORDS, variables, data: due(old) })
  cache.writeQuery({ query: AMOUNT, variables, data: due({ amount: 10_000, currency: 'USD' }) })
  const same = cache.readQuery({ query: WORDS, variables })
  cache.writeQuery({ query: AMOUNT, variables, data: due({ amount: 0, currency: 'USD' }) })
  const changed = cache.readQuery({ query: WORDS, variables })

  assert.equal(same.order.amountDue.formatted, '$100.00')
  assert.equal(changed, null) // it is asked for again; with `merge: true` it would be 0 and $100.00
  assert.equal(cache.readQuery({ query: AMOUNT, variables }).order.amountDue.amount, 0)
})

test('Apollo: pages are joined, lists with another filter are not, and fragments on interfaces match', async () => {
  const apollo = apolloClient(given())
  for (let left = 2; left > 0; left--) await paid(await order())
  const query = documents.PaymentsDocument

  const first = await apollo.query({ query, variables: { count: 1 } })
  const watching = apollo.watchQuery({ query, variables: { count: 1 } })
  const subscription = watching.subscribe(() => undefined)
  await watching.fetchMore({ variables: { after: first.data.payments.pageInfo.endCursor } })
  const both = apollo.readQuery({ query, variables: { count: 1 } })
  subscription.unsubscribe()
  const variables = payment(await order(), 'pm_card_chargeDeclined')
  const { data } = await apollo.mutate({ mutation: documents.PayDocument, variables })

  assert.equal(new Set(both.payments.edges.map(({ node }) => node.id)).size, 2)
  assert.equal(data.createPayment.payment.lastError.code, 'CARD_DECLINED')
  assert.ok(data.createPayment.payment.lastError.customerMessage)
})

test('urql: keys and pages are complete: nothing is warned of', async (context) => {
  const warned = context.mock.method(console, 'warn', () => undefined)
  const urql = urqlClient(given())
  for (let left = 2; left > 0; left--) await paid(await order())
  const query = documents.PaymentsDocument

  const first = await urql.query(query, { count: 1 }).toPromise()
  const both = await urql.query(query, { count: 1, after: first.data.payments.pageInfo.endCursor }).toPromise()
  const variables = payment(await order(), 'pm_card_chargeDeclined')
  const { data } = await urql.mutation(documents.PayDocument, variables).toPromise()

  assert.equal(new Set(both.data.payments.edges.map(({ node }) => node.id)).size, 2)
  assert.ok(data.createPayment.payment.lastError.customerMessage)
  assert.deepEqual(warned.mock.calls.map((call) => call.arguments[0]), [])
})

test('Relay: what a list brought is there by its id', async () => {
  const id = await paid(await order())
  const environment = relayEnvironment({ ...given(), streams: null })
  const page = await relayArtifact('paymentsPageQuery')
  const row = await relayArtifact('paymentsRowRefetchQuery')

  await fetchQuery(environment, page, { count: 1, cursor: null }).toPromise()
  const known = environment.check(createOperationDescriptor(row, { id }))
  const unknown = environment.check(createOperationDescriptor(row, { id: 'payment_unknown' }))

  assert.equal(known.status, 'available')
  assert.equal(unknown.status, 'missing')
})

// -- transports ---------------------------------------------------------------------------------------------------------

const apollo = (live) => (given) => {
  const client = apolloClient({ ...given, streams: live?.(given) })
  return apolloSubscribe(client, documents.FollowDocument)
}
const urql = (live) => (given) => {
  const client = urqlClient({ ...given, streams: live?.(given) })
  return urqlSubscribe(client, documents.FollowDocument)
}
const relay = (live) => (given) => relaySubscribe(relayEnvironment({ ...given, streams: live(given) }), followByRelay)

const TRANSPORTS = {
  'Apollo over graphql-ws': apollo(sockets),
  'Apollo over graphql-sse': apollo(eventStreams),
  'Apollo over multipart': apollo(),
  'urql over graphql-ws': urql(sockets),
  'urql over graphql-sse': urql(eventStreams),
  'urql by itself': urql(),
  'Relay over graphql-ws': relay(sockets),
  'Relay over graphql-sse': relay(eventStreams),
}

/** Follow an order; `until` gives its events once they have come as far as the order has, without a gap. */
function following(context, subscribe, order) {
  const seen = []
  const refused = []
  const stop = followOrder({
    subscribe,
    order,
    onEvent: (event) => seen.push(event),
    onRefused: (errors) => refused.push(errors),
    firstPauseMs: 20,
  })
  context.after(stop)
  const until = async (type, name) => {
    while (seen.at(-1)?.type !== type) {
      assert.deepEqual(refused, [], name)
      if (context.signal.aborted) assert.fail(`${name}: ${type} has not come`)
      await pause(5)
    }
    assert.deepEqual(seen.map(({ sequence }) => sequence), seen.map((_, index) => index + 1))
  }
  return { seen, refused, until }
}

for (const [name, subscribeBy] of Object.entries(TRANSPORTS)) {
  test(`${name}: an order is followed over a lost connection and the end of a token`, async (context) => {
    const id = await order()
    const tokens = [token(customer, 'payments:pay', 2 - LEEWAY_SECONDS), TOKEN]
    const renewing = (renew = false) => {
      if (renew && tokens.length > 1) tokens.shift()
      return tokens[0]
    }
    const { seen, until } = following(context, subscribeBy(given({ token: renewing })), id)

    await until('order.registered')
    while (tokens.length > 1) await pause(5) // the token ends, and is renewed
    const paymentId = await paid(id)
    await until('payment.succeeded')
    proxy.arm({}, 0) // cuts what is open
    await refund(paymentId, server.url)
    await until('refund.succeeded')

    assert.equal(seen.at(-1).order.paymentStatus, 'PARTIALLY_REFUNDED')
  })

  test(`${name}: what the caller may not see is refused for good`, async (context) => {
    const id = await newOrder(10_000, 'somebody-else', server.url)
    const { refused } = following(context, subscribeBy(given()), id)

    while (refused.length === 0) await pause(5)

    assert.equal(refused[0][0].extensions.reason, 'NOT_FOUND')
  })
}

test('over every transport an order is followed over a restart of the server', async (context) => {
  const id = await order()
  const all = Object.entries(TRANSPORTS).map(([name, subscribeBy]) => [name, following(context, subscribeBy(given()), id)])

  for (const [, { until }] of all) await until('order.registered')
  await server.restart('SIGTERM')
  await paid(id)
  for (const [name, { until }] of all) await until('payment.succeeded', name)
})

// -- trusted documents --------------------------------------------------------------------------------------------------

test('a server that enforces the manifests of all takes their documents by hash, over every transport', async (context) => {
  const all = { ...(await read(manifest)), ...(await read(await relayManifest())) }
  const merged = join(here, 'spa/generated/all-documents.json')
  await writeFile(merged, JSON.stringify(all))
  const enforcing = await startPaygraph('serve', {
    AUTH_JWT_SECRET: secret,
    TRUSTED_DOCUMENTS: merged,
    TRUSTED_DOCUMENTS_MODE: 'enforced',
  })
  try {
    const by = { url: `${enforcing.url}/graphql`, token: () => TOKEN, facts, trusted: true }
    const id = await newOrder(10_000, customer, enforcing.url)
    for (const [name, subscribeBy] of Object.entries(TRANSPORTS).filter(([name]) => !name.startsWith('Relay'))) {
      await following(context, subscribeBy(by), id).until('order.registered', name)
    }
    const page = await relayArtifact('paymentsPageQuery', '__trusted__')
    const relay = relayEnvironment({ ...by, streams: eventStreams(by) })
    await fetchQuery(relay, page, { count: 1, cursor: null }).toPromise()
    const variables = { count: 1 }
    const byApollo = await apolloClient(by).query({ query: documents.PaymentsDocument, variables })
    const byText = await urqlClient({ ...by, trusted: false }).query(documents.PaymentsDocument, variables).toPromise()

    assert.equal(relay.check(createOperationDescriptor(page, { count: 1, cursor: null })).status, 'available')
    assert.deepEqual(byApollo.data.payments.edges, [])
    assert.equal(byText.error.graphQLErrors[0].extensions.reason, 'TRUSTED_DOCUMENTS_ONLY')
  } finally {
    await enforcing.stop()
  }
})

const read = async (file) => JSON.parse(await readFile(file, 'utf8'))

async function relayArtifact(name, folder = '__generated__') {
  return (await import(`./relay/${folder}/${name}.graphql.js`)).default
}
