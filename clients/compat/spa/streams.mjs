// Subscriptions over WebSockets or server-sent events. Both say who asks, and tell of a refusal as of any other answer: by its
// `errors`. Neither tries again by itself: it would begin where it began, and whoever follows knows where it was.
import { createClient as createSockets } from 'graphql-ws'
import { createClient as createEventStreams } from 'graphql-sse'
import { authorizedFetch } from './authorized-fetch.mjs'

export function sockets({ url, token }) {
  let renew = false // the server closes a socket with 4403 when its token is not, or no longer, valid
  const client = createSockets({
    url: url.replace(/^http/, 'ws'),
    connectionParams: async () => ({ Authorization: `Bearer ${await token(renew)}` }),
    retryAttempts: 0,
    on: {
      connected: () => (renew = false),
      closed: (event) => (renew = event.code === 4403),
    },
  })
  return streamsOf(client, (error) => (Array.isArray(error) ? error : undefined))
}

export function eventStreams({ url, token }) {
  const client = createEventStreams({ url, fetchFn: authorizedFetch(token), retryAttempts: 0 })
  return streamsOf(client, async ({ response }) => (await response?.json().catch(() => undefined))?.errors)
}

const streamsOf = (client, refusalOf) => ({
  subscribe: (request, sink) =>
    client.subscribe(request, {
      next: (answer) => sink.next(answer),
      complete: () => sink.complete(),
      error: async (error) => {
        const errors = await refusalOf(error)
        if (errors === undefined) return sink.error(error instanceof Error ? error : new Error('The connection was lost.'))
        sink.next({ data: null, errors })
        sink.complete()
      },
    }),
})
