// Apollo Client: a cache that keeps money whole and joins pages, and a link for each transport.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, Observable } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { relayStylePagination } from '@apollo/client/utilities'
import { print } from 'graphql'
import { authorizedFetch } from './authorized-fetch.mjs'

export function apolloCache({ possibleTypes, pages }) {
  const paged = Object.entries(pages).map(([type, fields]) => {
    const joined = Object.entries(fields).map(([field, keyArgs]) => [field, relayStylePagination(keyArgs)])
    return [type, { fields: Object.fromEntries(joined) }]
  })
  return new InMemoryCache({
    possibleTypes,
    typePolicies: { ...Object.fromEntries(paged), Money: { merge: sameAmount } },
  })
}

// Two selections of one amount are merged: { amount } of a list, { formatted } of a receipt. When the amount has changed, the
// new one replaces the old: `merge: true` would leave the old `formatted` beside the new `amount`.
function sameAmount(before, now, { mergeObjects, readField }) {
  const known = ['amount', 'currency'].every((name) => {
    const value = readField(name, now)
    return value !== undefined && value === readField(name, before)
  })
  return known ? mergeObjects(before, now) : now
}

// Queries, mutations, and subscriptions as Apollo's multipart responses where there is no other link for them.
export const httpLink = ({ url, token }) => new HttpLink({ uri: url, fetch: authorizedFetch(token) })

// Subscriptions over `sockets` or `eventStreams`. A document that goes by its hash takes no text along.
export const liveLink = (streams) =>
  new ApolloLink(({ query, operationName, variables, extensions }) => {
    const text = extensions.persistedQuery === undefined ? print(query) : ''
    return new Observable((sink) => streams.subscribe({ query: text, operationName, variables, extensions }, sink))
  })

// Documents by the hash that graphql-codegen wrote into them. An unknown hash is an error; the text is never sent instead.
export const trustedLink = () =>
  new PersistedQueryLink({
    generateHash: (document) => document.__meta__.hash.replace('sha256:', ''),
    disable: () => false,
    retry: () => false,
  })

export function apolloClient({ url, token, facts, streams, trusted }) {
  const http = httpLink({ url, token })
  const isLive = ({ operationType }) => operationType === 'subscription'
  const link = streams === undefined ? http : ApolloLink.split(isLive, liveLink(streams), http)
  return new ApolloClient({ link: trusted ? trustedLink().concat(link) : link, cache: apolloCache(facts) })
}

// For followOrder.
export const apolloSubscribe = (client, query) => (variables, sink) => {
  const running = client.subscribe({ query, variables }).subscribe({
    next: ({ data, error }) => (error ? sink.error(graphqlErrors(error)) : sink.next(data.orderPaymentUpdated)),
    error: (error) => sink.error(graphqlErrors(error)),
    complete: () => sink.complete(),
  })
  return () => running.unsubscribe()
}

const graphqlErrors = (error) => (CombinedGraphQLErrors.is(error) ? error.errors : [])
