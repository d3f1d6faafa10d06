// A Paygraph of one's own: free port, new state folder, offline Stripe.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
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

// `command` is the server's: `demo`, or `serve` for one that sends no operations of its own. `restart` ends its process by
// a signal and starts another one with the same data at the same address.
export async function startPaygraph(command, more) {
  const state = await mkdtemp(join(tmpdir(), 'paygraph-clients-'))
  const port = await freePort()
  const environment = {
    ...process.env,
    PAYGRAPH_DIR: state,
    SANDBOX_FAULTS: '1', // opens /_sandbox, where tests read what was charged
    RATE_LIMITS: 'off', // all tests come from one address
    ...more,
  }
  for (const name of ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'ENVIRONMENT', 'CURRENCIES']) delete environment[name]
  const python = join(root, '.venv', 'bin', 'python')
  const start = () => {
    const server = spawn(python, ['-m', 'cli', command, '--port', `${port}`], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return { server, stopped: once(server, 'exit') }
  }
  let running = start()
  const end = async (signal) => {
    running.server.kill(signal)
    await running.stopped
  }
  const stop = async () => {
    await end('SIGTERM')
    // PostgreSQL of root keeps its data outside the state folder; `reset` knows where.
    await once(spawn(python, ['-m', 'cli', 'reset'], { cwd: root, env: environment, stdio: 'ignore' }), 'exit')
    await rm(state, { recursive: true, force: true })
  }
  const restart = async (signal) => {
    await end(signal)
    running = start()
    await answers(url, running.server)
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await answers(url, running.server)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop, restart }
}
