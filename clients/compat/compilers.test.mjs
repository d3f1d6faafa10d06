// What compiles against the schema: graphql-codegen with tsc, graphql-eslint, and Relay, whose artifacts then run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Environment, Network, RecordSource, Store, createOperationDescriptor, fetchQuery, getSingularSelector } from 'relay-runtime'
import { ask, buyer, newOrder, pay } from './shop.mjs'

const here = import.meta.dirname
const tool = (name) => join(here, 'node_modules', '.bin', name)
const run = promisify(execFile)

async function succeeds(command, given, folder = here) {
  const { stdout } = await run(command, given, { cwd: folder }).catch((error) => {
    throw new Error(`${command} failed:\n${error.stdout}\n${error.stderr}`)
  })
  return stdout
}

test('graphql-codegen makes types that tsc accepts strictly, and stores the documents', async () => {
  await succeeds(tool('graphql-codegen'), ['--config', 'codegen.config.mjs'])
  await succeeds(tool('tsc'), ['-p', 'typed'])

  const documents = JSON.parse(await readFile(join(here, 'typed/generated/persisted-documents.json'), 'utf8'))
  const names = Object.values(documents).map((document) => document.match(/^\w+ (\w+)/)[1])
  assert.deepEqual(names.sort(), ['Follow', 'Pay', 'Read'])
})

test('graphql-eslint has nothing to say about the schema', async () => {
  const linting = run(tool('eslint'), ['--format', 'json', '--stdin', '--stdin-filename', 'schema.graphql'], { cwd: here })
  linting.child.stdin.end(await readFile(join(here, '..', '..', 'schema', 'schema.graphql')))
  const { stdout } = await linting.catch((error) => error) // its exit code is 1 when it has something to say
  const said = JSON.parse(stdout).flatMap(({ messages }) => messages)

  assert.deepEqual(said.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`), [])
})

test('relay-compiler accepts node, pagination and refetching; relay-runtime reads a page and the next', async () => {
  const folder = join(here, 'relay')
  await mkdir(join(folder, '__generated__'), { recursive: true })
  await succeeds(tool('relay-compiler'), ['relay.config.json'], folder)
  const artifact = async (name) => (await import(`./relay/__generated__/${name}.graphql.js`)).default
  const paid = []
  for (let left = 2; left > 0; left--) paid.unshift((await pay(await newOrder())).id)
  const store = new Store(new RecordSource())
  const network = Network.create(async ({ text }, variables) => ({ data: await ask(text, variables, buyer) }))
  const environment = new Environment({ network, store })
  const page = await artifact('paymentsPageQuery')
  const list = await artifact('payments_list')
  const next = await artifact('paymentsListPaginationQuery')
  const read = (query, variables) => {
    const operation = createOperationDescriptor(query, variables)
    const root = environment.lookup(operation.fragment).data
    environment.retain(operation)
    return environment.lookup(getSingularSelector(list, root)).data.payments
  }

  await fetchQuery(environment, page, { count: 1, cursor: null }).toPromise()
  const first = read(page, { count: 1, cursor: null })
  const variables = { count: 1, cursor: first.pageInfo.endCursor }
  await fetchQuery(environment, next, variables).toPromise()
  const both = read(page, { count: 1, cursor: null })
  const row = await artifact('paymentsRowRefetchQuery')
  const refetched = await fetchQuery(environment, row, { id: paid[0] }).toPromise()

  assert.equal(first.edges.length, 1)
  assert.equal(first.pageInfo.hasNextPage, true)
  assert.deepEqual(both.edges.map(({ node }) => node.__id), paid)
  assert.ok(refetched.node)
})
