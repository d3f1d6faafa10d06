// A buyer's program that is killed: pays one order and prints what became of it.  node payer.mjs URL TOKEN FILE ORDER
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Paygraph } from 'paygraph-client'

const [url, token, file, orderId] = process.argv.slice(2)
const read = () => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}
const write = (values) => {
  writeFileSync(`${file}.new`, JSON.stringify(values), { flush: true })
  renameSync(`${file}.new`, file)
}
const storage = {
  get: (name) => read()[name] ?? null,
  set: (name, value) => write({ ...read(), [name]: value }),
  remove: (name) => write({ ...read(), [name]: undefined }),
}
const paygraph = new Paygraph({ url, token: () => token, storage, patienceMs: 20_000, firstPauseMs: 10 })
const expectedAmount = { amount: 10_000, currency: 'USD' }
console.log((await paygraph.pay({ orderId, expectedAmount, paymentMethodId: 'pm_card_visa' })).kind)
process.exit()
