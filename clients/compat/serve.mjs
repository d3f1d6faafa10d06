// Starts a Paygraph of its own (free port, new state folder, offline Stripe), runs one command with its address in
// PAYGRAPH_URL, stops it, and ends with the command's exit code:  node serve.mjs COMMAND …
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

const PATIENCE_MS = 60_000
const root = resolve(import.meta.dirname, '..', '..')

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

async function answers(url, server) {
  const deadline = Date.now() + PATIENCE_MS
  while (server.exitCode === null && Date.now() < deadline) {
    const healthy = await fetch(`${url}/readyz`).then((response) => response.ok, () => false)
    if (healthy) return
    await pause(100)
  }
  throw new Error('Paygraph did not start')
}

const state = await mkdtemp(join(tmpdir(), 'paygraph-clients-'))
const port = await freePort()
const secret = randomBytes(32).toString('hex')
const environment = {
  ...process.env,
  PAYGRAPH_DIR: state,
  AUTH_JWT_SECRET: secret,
  SANDBOX_FAULTS: '1', // opens /_sandbox, where tests read what was charged
  RATE_LIMITS: 'off', // all tests come from one address
}
for (const name of ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'ENVIRONMENT', 'CURRENCIES']) delete environment[name]
const python = join(root, '.venv', 'bin', 'python')
const server = spawn(python, ['-m', 'cli', 'demo', '--port', `${port}`], {
  cwd: root,
  env: environment,
  stdio: ['ignore', 'ignore', 'inherit'],
})
const stopped = once(server, 'exit')
const url = `http://127.0.0.1:${port}`
let code = 1
try {
  await answers(url, server)
  const [command, ...given] = process.argv.slice(2)
  const run = spawn(command, given, {
    env: { ...process.env, PAYGRAPH_URL: url, PAYGRAPH_JWT_SECRET: secret, FORCE_COLOR: '0' },
    stdio: 'inherit',
  })
  ;[code] = await once(run, 'exit')
} finally {
  server.kill('SIGTERM')
  await stopped
  await rm(state, { recursive: true, force: true })
}
process.exit(code ?? 1)
