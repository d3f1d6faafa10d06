// A network that breaks where it is told to: a TCP proxy before the server.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Breaks the next `times` connections at `cut`: after so many bytes of the request, or of the answer. */
export class CuttingProxy {
  cut = {}
  times = 0
  breaks = 0
  sent = 0
  answered = 0
  #server
  #clients = new Set()

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

  close() {
    this.#server.close()
  }

  #connected(client, port) {
    this.#clients.add(client)
    client.on('close', () => this.#clients.delete(client))
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
        if (broken) return
        const piece = limit === undefined ? chunk : chunk.subarray(0, limit - passed[count])
        passed[count] += piece.length
        this[count] = passed[count]
        target.write(piece)
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
