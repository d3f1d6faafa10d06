// A network that breaks where it is told to, or changes what passes: a TCP proxy before the server.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Breaks the next `times` connections at `cut`: after so many bytes of the request, or of the answer. */
export class CuttingProxy {
  cut = {}
  times = 0
  breaks = 0
  sent = 0
  answered = 0
  edit = (piece) => piece // changes each piece of an answer
  #server
  #clients = new Set()
  #used = new Set()
  #deaf = new Set()

  static async before(target) {
    const proxy = new CuttingProxy()
    proxy.#server = createServer((client) => proxy.#connected(client, Number(new URL(target).port)))
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`
    return proxy
  }

  arm(cut, times = 1) {
    Object.assign(this, { cut, times, breaks: 0 })
    for (const client of this.#clients) client.destroy() // the next request is to open a connection of its own
  }

  /** How many connections are open that were used. Node opens another one in advance when a request is given up. */
  get open() {
    return this.#used.size
  }

  /** Lose every connection that is open without a word: nothing passes any more, and neither side is told. */
  deafen() {
    for (const client of this.#clients) this.#deaf.add(client)
  }

  close() {
    for (const client of this.#clients) client.destroy()
    this.#server.close()
  }

  #connected(client, port) {
    this.#clients.add(client)
    client.once('data', () => this.#used.add(client))
    client.on('close', () => [this.#clients, this.#used].forEach((set) => set.delete(client)))
    const cut = this.times > 0 ? this.cut : {}
    this.times = Math.max(0, this.times - 1)
    const passed = { sent: 0, answered: 0 }
    const server = connect(port, '127.0.0.1')
    let broken = false
    const end = () => {
      client.resetAndDestroy()
      server.end() // what was written still arrives
    }
    const copy = (source, target, limit, count) => {
      source.on('data', (chunk) => {
        if (broken || this.#deaf.has(client)) return
        const piece = limit === undefined ? chunk : chunk.subarray(0, limit - passed[count])
        passed[count] += piece.length
        this[count] = passed[count]
        target.write(count === 'answered' ? this.edit(piece) : piece)
        if (passed[count] !== limit) return
        broken = true
        this.breaks++
        end()
      })
      source.on('error', end).on('close', end)
    }
    copy(client, server, cut.request, 'sent')
    copy(server, client, cut.answer, 'answered')
  }
}
