// Starts a Paygraph of its own (free port, new state folder, offline Stripe), runs one command with its address in
// PAYGRAPH_URL, stops it, and ends with the command's exit code:  node serve.mjs COMMAND …
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { startPaygraph } from './paygraph.mjs'

const secret = randomBytes(32).toString('hex')
const paygraph = await startPaygraph('demo', { AUTH_JWT_SECRET: secret })
let code = 1
try {
  const [command, ...given] = process.argv.slice(2)
  const run = spawn(command, given, {
    env: { ...process.env, PAYGRAPH_URL: paygraph.url, PAYGRAPH_JWT_SECRET: secret, FORCE_COLOR: '0' },
    stdio: 'inherit',
  })
  ;[code] = await once(run, 'exit')
} finally {
  await paygraph.stop()
}
process.exit(code ?? 1)
