// The audit suite of GraphQL over HTTP: what a server must, should and may do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverAudits } from 'graphql-http'
import { graphql } from './shop.mjs'

const audits = serverAudits({ url: graphql, fetchFn: fetch })

test('the suite has its 61 audits', () => assert.equal(audits.length, 61))

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn()
    assert.equal(result.status, 'ok', result.reason)
  })
}
