// Relay: an environment that knows what it has by its id, with subscriptions over server-sent events or WebSockets.
import { Environment, Network, Observable, ROOT_TYPE, RecordSource, Store, requestSubscription } from 'relay-runtime'
import { authorizedFetch } from './authorized-fetch.mjs'

// `streams` is what `eventStreams` or `sockets` gives.
export function relayEnvironment({ url, token, streams }) {
  const send = authorizedFetch(token)
  const request = async (params, variables) => {
    const response = await send(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
      body: JSON.stringify(payload(params, variables)),
    })
    return response.json()
  }
  const follow = (params, variables) =>
    Observable.create((sink) => streams.subscribe(payload(params, variables), sink))
  return new Environment({
    network: Network.create(request, follow),
    store: new Store(new RecordSource()),
    missingFieldHandlers: [{ kind: 'linked', handle: byItsId }],
  })
}

// The compiler gives a document an id (`persistConfig`) or leaves its text.
const payload = ({ id, text, name }, variables) =>
  id ? { documentId: `sha256:${id}`, variables, query: '' } : { query: text, operationName: name, variables }

// `payment(id:)` is in the store if a list brought it.
function byItsId(field, record, { id }) {
  const isKnown = ['node', 'order', 'payment', 'refund', 'customer'].includes(field.name)
  return isKnown && record?.getType() === ROOT_TYPE && id ? id : undefined
}

// For followOrder.
export const relaySubscribe = (environment, subscription) => (variables, sink) => {
  const { dispose } = requestSubscription(environment, {
    subscription,
    variables,
    onNext: (data) => sink.next(data.orderPaymentUpdated),
    onError: (error) => sink.error(error.source?.errors ?? []),
    onCompleted: () => sink.complete(),
  })
  return dispose
}
