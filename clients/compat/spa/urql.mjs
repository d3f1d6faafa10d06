// urql with graphcache: its keys and pages from the schema, and subscriptions over either transport.
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import { persistedExchange } from '@urql/exchange-persisted'
import { onEnd, pipe, subscribe } from 'wonka'
import { authorizedFetch } from './authorized-fetch.mjs'

export function urqlCache({ introspection, values, pages }) {
  const joined = (fields) => Object.fromEntries(Object.keys(fields).map((field) => [field, relayPagination()]))
  return cacheExchange({
    schema: introspection,
    keys: Object.fromEntries(values.map((name) => [name, () => null])),
    resolvers: Object.fromEntries(Object.entries(pages).map(([type, fields]) => [type, joined(fields)])),
  })
}

// Without `streams` urql opens server-sent events by itself.
export function urqlClient({ url, token, facts, streams, trusted }) {
  return new Client({
    url,
    fetch: authorizedFetch(token),
    preferGetMethod: false,
    fetchSubscriptions: streams === undefined,
    exchanges: [
      urqlCache(facts),
      ...(trusted ? [byHash()] : []),
      ...(streams === undefined ? [] : [over(streams)]),
      fetchExchange,
    ],
  })
}

const over = (streams) =>
  subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({ unsubscribe: streams.subscribe({ ...request, query: request.query ?? '' }, sink) }),
    }),
  })

// Documents by the hash that graphql-codegen wrote into them; their text is never sent.
const byHash = () =>
  persistedExchange({
    enforcePersistedQueries: true,
    enableForMutation: true,
    enableForSubscriptions: true,
    preferGetForPersistedQueries: false,
    generateHash: async (_, document) => document.__meta__.hash.replace('sha256:', ''),
  })

// For followOrder. A stream of server-sent events that is cut ends without an error.
export const urqlSubscribe = (client, query) => (variables, sink) => {
  const { unsubscribe } = pipe(
    client.subscription(query, variables),
    onEnd(() => sink.complete()),
    subscribe(({ data, error }) => {
      if (error) sink.error(error.graphQLErrors)
      else if (data) sink.next(data.orderPaymentUpdated)
    }),
  )
  return () => queueMicrotask(unsubscribe)
}
