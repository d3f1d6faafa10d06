// The manifests that graphql-codegen and relay-compiler write are taken by a server that runs nothing else.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { codegenManifest, relayManifest } from './manifests.mjs'
import { startPaygraph } from './paygraph.mjs'
import { buyer, payment, token } from './shop.mjs'

const explorer = { Authorization: `Bearer ${token('explorer', 'orders:write explorer')}` }

for (const [name, manifest, operation] of [
  ['graphql-codegen', codegenManifest, 'Pay'],
  ['relay-compiler', relayManifest, 'paymentsPageQuery'],
]) {
  test(`an enforcing server runs the documents of ${name} by their id, and no others`, async () => {
    const file = await manifest()
    const documents = Object.entries(JSON.parse(await readFile(file, 'utf8')))
    const [hash] = documents.find(([, text]) => text.match(/^\w+ (\w+)/)[1] === operation)
    const paygraph = await startPaygraph('serve', {
      AUTH_JWT_SECRET: process.env.PAYGRAPH_JWT_SECRET,
      TRUSTED_DOCUMENTS: file,
      TRUSTED_DOCUMENTS_MODE: 'enforced',
    })
    const post = async (body, headers = buyer) => {
      const response = await fetch(`${paygraph.url}/graphql`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      return { status: response.status, ...(await response.json()) }
    }
    try {
      const documentId = `sha256:${hash.replace('sha256:', '')}`
      const variables = operation === 'Pay' ? payment(await registered(post)) : { count: 1 }
      const trusted = await post({ documentId, variables })
      const unknown = await post({ query: '{ viewer { livemode } }' })

      assert.equal(trusted.errors, undefined, JSON.stringify(trusted.errors))
      if (operation === 'Pay') assert.equal(trusted.data.createPayment.payment.status, 'SUCCEEDED')
      else assert.deepEqual(trusted.data.payments.edges, [])
      assert.equal(unknown.status, 403)
      assert.equal(unknown.errors[0].extensions.reason, 'TRUSTED_DOCUMENTS_ONLY')
    } finally {
      await paygraph.stop()
    }
  })
}

async function registered(post) {
  const query = `mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!) {
    registerOrder(input: $input, idempotencyKey: $key) { order { id } }
  }`
  const claims = JSON.parse(Buffer.from(buyer.Authorization.split('.')[1], 'base64url'))
  const input = {
    externalId: 'trusted-1',
    total: { amount: 10_000, currency: 'USD' },
    customerExternalId: claims.sub,
  }
  const { data, errors } = await post({ query, variables: { input, key: 'trusted-register-1' } }, explorer)
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data.registerOrder.order.id
}
