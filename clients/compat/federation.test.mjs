// A graph of three: Paygraph, a shop that is a Relay schema of its own, and a subgraph that adds to what Paygraph has.
// Composed by Apollo's composer and by the Guild's, and asked through Apollo's gateway.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { composeServices } from '@apollo/composition'
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from '@apollo/gateway'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { composeServices as composedByTheGuild } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { startPaygraph } from './paygraph.mjs'
import { token } from './shop.mjs'

const customer = `buyer-${randomUUID()}`
const bearer = (subject, scope) => `Bearer ${token(subject, scope)}`
const buyer = bearer(customer, 'payments:pay')
const stranger = bearer(`buyer-${randomUUID()}`, 'payments:pay')
const clerk = bearer('clerk', 'payments:read orders:write')
const explorer = bearer('composer', 'explorer')

// The shop knows its orders and customers by its own numbers. It owns `node`, and says of which type an id is.
const shop = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@cost"])

  type Query {
    node(id: ID!): Node
    nodes(ids: [ID!]!): [Node]!
    viewer: Viewer
    cart(number: String!): Cart
    products(first: Int, after: String): ProductConnection! @cost(weight: 5)
  }
  interface Node { id: ID! }
  type Cart implements Node @key(fields: "id") { id: ID! order: Order }
  type Order @key(fields: "externalId") { externalId: String cart: Cart }
  type Payment implements Node @key(fields: "id", resolvable: false) { id: ID! }
  type Customer @key(fields: "externalId", resolvable: false) { externalId: String }
  type Viewer { name: String! customer: Customer }
  type Product implements Node @key(fields: "id") { id: ID! name: String! price: Money! }
  type ProductConnection { edges: [ProductEdge!]! pageInfo: PageInfo! }
  type ProductEdge { node: Product! cursor: String! }
  type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type Money @shareable {
    amount: MinorUnits!
    currency: CurrencyCode!
    exponent: Int!
    decimal: String!
    formatted(locale: String! = "en-US"): String!
  }
  scalar MinorUnits
  scalar CurrencyCode
`)
const typeOf = (id) => (id.startsWith('payment_') ? 'Payment' : id.startsWith('product_') ? 'Product' : 'Cart')
const price = { amount: 500, currency: 'USD', exponent: 2, decimal: '5.00', formatted: '$5.00' }
const shopResolvers = {
  Query: {
    node: (_, { id }) => ({ __typename: typeOf(id), id }),
    nodes: (_, { ids }) => ids.map((id) => ({ __typename: typeOf(id), id })),
    viewer: () => ({ name: 'Ada', customer: { externalId: customer } }),
    cart: (_, { number }) => ({ id: `cart_${number}`, order: { externalId: number } }),
    products: () => ({ edges: [{ cursor: 'a', node: { id: 'product_1' } }], pageInfo: { hasNextPage: false } }),
  },
  Order: { cart: ({ externalId }) => ({ id: `cart_${externalId}` }) },
  Product: { name: () => 'A pot', price: () => price },
}

// It keeps Paygraph's ids, and adds fields to its types.
const logistics = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])

  type Query { shipments: [Shipment!]! }
  type Shipment @key(fields: "order { id }") { order: Order! label: String! }
  type Order @key(fields: "id") { id: ID! shipment: Shipment }
  type Payment @key(fields: "id") { id: ID! invoice: String! }
  type Customer @key(fields: "id") { id: ID! points: Int! }
`)
const shipped = new Set()
const logisticsResolvers = {
  Query: { shipments: () => [...shipped].map((id) => ({ order: { id }, label: `to ${id}` })) },
  Order: { shipment: ({ id }) => ({ order: { id }, label: `to ${id}` }) },
  Payment: { invoice: ({ id }) => `invoice of ${id}` },
  Customer: { points: () => 7 },
}

const EVERYTHING = `
  query Everything($number: String!) {
    cart(number: $number) {
      id
      order {
        id paymentStatus amountDue { amount } shipment { label } customer { externalId points }
        payments { nodes { id status invoice order { externalId } } pageInfo { hasNextPage } }
      }
    }
  }
`
const REGISTER = `
  mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!) {
    registerOrder(input: $input, idempotencyKey: $key) { errors { message } order { id shipment { label } } }
  }
`
const PAY = `
  mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {
    createPayment(input: $input, idempotencyKey: $key) { errors { code } payment { id invoice order { paymentStatus cart { id } } } }
  }
`

let paygraph, gateway, execute
let all // the subgraphs, read once: composing takes seconds in which nothing else happens, and connections end meanwhile
let sent = 0 // requests to Paygraph

async function post(query, authorization) {
  const response = await fetch(`${paygraph.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(authorization && { Authorization: authorization }) },
    body: JSON.stringify({ query }),
  })
  return response.json()
}

const subgraphs = (sdl) => [
  { name: 'paygraph', url: `${paygraph.url}/graphql`, typeDefs: parse(sdl) },
  { name: 'shop', url: 'http://shop.invalid', typeDefs: shop },
  { name: 'logistics', url: 'http://logistics.invalid', typeDefs: logistics },
]

// Passes on who asks, as a router has to be told to.
class OnBehalf extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    sent += 1
    if (context.authorization) request.http.headers.set('authorization', context.authorization)
  }
}

async function ask(query, variables = {}, authorization = buyer) {
  const answer = await execute({
    document: parse(query),
    request: { query, variables },
    queryHash: query,
    context: { authorization },
    cache: undefined,
    logger: console,
    schema: undefined,
    metrics: {},
  })
  return { data: JSON.parse(JSON.stringify(answer.data ?? null)), errors: answer.errors }
}

before(async () => {
  paygraph = await startPaygraph('serve', { AUTH_JWT_SECRET: process.env.PAYGRAPH_JWT_SECRET, FEDERATION: 'true' })
  const { data } = await post('{ _service { sdl } }', explorer)
  all = subgraphs(data._service.sdl)
  const { supergraphSdl } = composeServices(all)
  const local = {
    shop: buildSubgraphSchema({ typeDefs: shop, resolvers: shopResolvers }),
    logistics: buildSubgraphSchema({ typeDefs: logistics, resolvers: logisticsResolvers }),
  }
  gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ name, url }) => (local[name] ? new LocalGraphQLDataSource(local[name]) : new OnBehalf({ url })),
  })
  execute = (await gateway.load()).executor
})
after(async () => {
  await gateway?.stop()
  await paygraph?.stop()
})

for (const [name, compose] of Object.entries({ Apollo: composeServices, 'the Guild': composedByTheGuild })) {
  test(`${name} composes it with a Relay schema and with one that extends its types`, () => {
    for (const some of [all.slice(0, 1), all.slice(0, 2), [all[0], all[2]], all]) {
      const { errors, supergraphSdl } = compose(some)
      assert.deepEqual(errors ?? [], [])
      assert.match(supergraphSdl, /email: String .*@paygraph__pii/)
      assert.match(supergraphSdl, /: OrderPayload .*@paygraph__auth\(scopes: \["orders:write"\]\)/)
      assert.match(supergraphSdl, /@paygraph__cost\(weight: 10\)/)
    }
  })
}

// Registers an order and pays it through the graph.
async function paid() {
  const number = randomUUID()
  const input = { externalId: number, total: { amount: 10_000, currency: 'USD' }, customerExternalId: customer }
  const made = await ask(REGISTER, { input, key: randomUUID() }, clerk)
  assert.equal(made.errors, undefined, JSON.stringify(made.errors))
  const { order } = made.data.registerOrder
  const given = { orderId: order.id, expectedAmount: input.total, paymentMethodId: 'pm_card_visa', confirm: true }
  const { data, errors } = await ask(PAY, { input: given, key: randomUUID() })
  assert.equal(errors, undefined, JSON.stringify(errors))
  return { number, order, payment: data.createPayment.payment }
}

test('what one client asks is answered by all three, each for its part', async () => {
  const { number, order, payment } = await paid()

  const { data, errors } = await ask(EVERYTHING, { number })

  assert.equal(errors, undefined, JSON.stringify(errors))
  const label = `to ${order.id}`
  assert.deepEqual(order.shipment, { label })
  assert.deepEqual(payment.order, { paymentStatus: 'PAID', cart: { id: `cart_${number}` } })
  assert.equal(payment.invoice, `invoice of ${payment.id}`)
  assert.deepEqual(data.cart.order, {
    id: order.id,
    paymentStatus: 'PAID',
    amountDue: { amount: 0 },
    shipment: { label },
    customer: { externalId: customer, points: 7 },
    payments: {
      nodes: [{ id: payment.id, status: 'SUCCEEDED', invoice: payment.invoice, order: { externalId: number } }],
      pageInfo: { hasNextPage: false },
    },
  })
})

test('many orders of another subgraph are one request to Paygraph', async () => {
  const orders = [await paid(), await paid(), await paid()].map(({ order }) => order.id)
  orders.forEach((id) => shipped.add(id))
  sent = 0

  const { data } = await ask('{ shipments { label order { paymentStatus } } }')

  assert.equal(sent, 1)
  assert.deepEqual(data.shipments, orders.map((id) => ({ label: `to ${id}`, order: { paymentStatus: 'PAID' } })))
})

test('who may not see an order is told as much of it through the graph as without one', async () => {
  const { number } = await paid()

  const query = 'query Q($number: String!) { cart(number: $number) { id order { externalId customer { email } paymentStatus } } }'
  const [other, nobody, reader] = [
    await ask(query, { number }, stranger),
    await ask(query, { number }, null),
    await ask(query, { number }, clerk),
  ]

  const nothing = { cart: { id: `cart_${number}`, order: null } } // `paymentStatus` may not be null, so the order is
  assert.deepEqual([other.data, other.errors], [nothing, undefined])
  assert.deepEqual(nobody.data, nothing)
  assert.equal(nobody.errors[0].extensions.code, 'UNAUTHENTICATED')
  assert.equal(reader.data.cart.order.paymentStatus, 'PAID')
})

test('`node`, `nodes` and `viewer` are the graph\'s own, and find what each of the two Relay schemas has', async () => {
  const { payment } = await paid()
  const query = `query Refetch($ids: [ID!]!, $id: ID!) {
    node(id: $id) { __typename id ... on Payment { status amount { formatted } } }
    nodes(ids: $ids) { id ... on Product { name price { formatted } } ... on Payment { status invoice } }
    viewer { name customer { points payments(first: 1) { nodes { id } pageInfo { hasPreviousPage } } } }
    products(first: 1) { edges { node { name price { amount currency } } } pageInfo { hasNextPage } }
  }`

  const { data, errors } = await ask(query, { id: payment.id, ids: ['product_1', payment.id] })

  assert.equal(errors, undefined, JSON.stringify(errors))
  assert.deepEqual(data.node, { __typename: 'Payment', id: payment.id, status: 'SUCCEEDED', amount: { formatted: '$100.00' } })
  assert.deepEqual(data.nodes, [
    { id: 'product_1', name: 'A pot', price: { formatted: '$5.00' } },
    { id: payment.id, status: 'SUCCEEDED', invoice: `invoice of ${payment.id}` },
  ])
  const payments = { nodes: [{ id: payment.id }], pageInfo: { hasPreviousPage: false } }
  assert.deepEqual(data.viewer, { name: 'Ada', customer: { points: 7, payments } })
  assert.deepEqual(data.products.edges, [{ node: { name: 'A pot', price: { amount: 500, currency: 'USD' } } }])
})
