// The Kotlin of docs/clients is compiled, and pays once through a network that breaks and a life that ends.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ask, buyer, newOrder, url } from '../../compat/shop.mjs'
import { CuttingProxy } from '../../typescript/test/proxy.mjs'

const here = join(import.meta.dirname, '..')
const library = (name) => join(here, 'node_modules/kotlin-compiler/lib', name)
const compiler = ['kotlin-compiler.jar', 'kotlin-stdlib.jar', 'kotlin-script-runtime.jar', 'kotlin-reflect.jar'].map(library)
const libraries = ['kotlin-stdlib.jar', 'kotlinx-coroutines-core-jvm.jar'].map(library).join(':')
const build = join(here, 'build')
const documents = join(here, '../mobile/operations.graphql')
const execute = promisify(execFile)

let proxy
let folder

before(async () => {
  await mkdir(build, { recursive: true })
  const given = ['-d', build, '-no-stdlib', '-no-reflect', '-Werror', '-cp', libraries, 'Checkout.kt', 'test/Payer.kt']
  const main = 'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler'
  await execute('java', ['-Xmx1g', '-cp', [...compiler, libraries].join(':'), main, ...given], { cwd: here })
  proxy = await CuttingProxy.before(url)
  folder = await mkdtemp(join(tmpdir(), 'paygraph-kotlin-'))
})
after(async () => {
  proxy.close()
  await rm(folder, { recursive: true, force: true })
})

const attempt = (orderId) => join(folder, orderId)

function payer(orderId, ...methods) {
  const token = buyer.Authorization.replace('Bearer ', '')
  const given = [`${proxy.url}/graphql`, token, documents, attempt(orderId), orderId, ...methods]
  return spawn('java', ['-cp', `${build}:${libraries}`, 'shop.checkout.PayerKt', ...given])
}

async function said(orderId, ...methods) {
  const running = payer(orderId, ...methods)
  const [out, error] = await Promise.all([running.stdout.toArray(), running.stderr.toArray()])
  return (out.join('') || error.join('')).trim().split('\n').map((line) => line.replace(/\(.*/, ''))
}

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

test('a network that loses the request or its answer leaves one charge', async () => {
  for (const cut of [{ request: 1 }, { request: 400 }, { answer: 1 }, { answer: 300 }]) {
    const orderId = await newOrder()
    proxy.arm(cut, 2)

    const outcome = await said(orderId, 'pm_card_visa')

    assert.deepEqual(outcome, ['Paid'], JSON.stringify(cut))
    assert.ok(proxy.breaks > 0, JSON.stringify(cut))
    assert.deepEqual(await charges(orderId), [10_000], JSON.stringify(cut))
  }
})

test('an app that the system ends goes on with the key that it kept', async () => {
  const orderId = await newOrder()
  proxy.arm({ answer: 1 })
  const first = payer(orderId, 'pm_card_visa')
  while (!proxy.breaks) await pause(1)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const [key] = (await readFile(attempt(orderId), 'utf8')).split('\n')

  const outcome = await said(orderId, 'pm_card_visa')

  assert.deepEqual(outcome, ['Paid'])
  assert.equal((await readFile(attempt(orderId), 'utf8')).split('\n')[0], key)
  assert.deepEqual(await charges(orderId), [10_000])
})

test('after a decline another card pays the same payment under a new key', async () => {
  const orderId = await newOrder()

  const outcomes = await said(orderId, 'pm_card_chargeDeclined', 'pm_card_visa')

  assert.deepEqual(outcomes, ['Declined', 'Paid'])
  assert.deepEqual(await charges(orderId), [10_000])
})

test('a payer who has to act is told so', async () => {
  const orderId = await newOrder()

  const [outcome] = await said(orderId, 'pm_card_threeDSecure2Required')

  assert.equal(outcome, 'NeedsPayer')
  assert.deepEqual(await charges(orderId), [])
})
