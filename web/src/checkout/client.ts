import {
  Client,
  type CombinedError,
  fetchExchange,
  makeOperation,
  mapExchange,
  type Operation,
  subscriptionExchange,
} from "@urql/core";
import { createClient, type SubscribePayload } from "graphql-ws";
import type { Visit } from "./shop";

/** An urql client that asks as the visit's buyer. There is no cache: what is shown is what the server said last. */
export function clientFor(visit: Visit, byHash: boolean): Client {
  const socket = createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    connectionParams: async () => ({ Authorization: `Bearer ${await visit.token()}` }),
    retryAttempts: 0, // whoever follows begins again itself, after the last event that it saw
  });
  return new Client({
    url: "/graphql",
    preferGetMethod: false,
    exchanges: [
      mapExchange({ onOperation: (operation) => (byHash ? asHash(operation) : operation) }),
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { ...request, query: request.query ?? "" } as SubscribePayload, // the protocol wants a text, even beside a hash
              { ...sink, next: ({ data = null, errors }) => sink.next(errors ? { data, errors } : { data }) },
            ),
          }),
        }),
      }),
      fetchExchange,
    ],
    requestPolicy: "network-only",
    fetch: async (input, init) => {
      const send = async (renew: boolean): Promise<Response> => {
        const headers = new Headers(init?.headers);
        headers.set("Authorization", `Bearer ${await visit.token(renew)}`);
        return fetch(input, { ...init, headers });
      };
      const answer = await send(false);
      return answer.status === 401 ? send(true) : answer;
    },
  });
}

/** The same operation, sent by the hash that graphql-codegen wrote into it and into the manifest. */
function asHash(operation: Operation): Operation {
  const hash = (operation.query as { __meta__?: { hash?: string } }).__meta__?.hash;
  if (hash === undefined) return operation;
  return makeOperation(operation.kind, { ...operation, query: { ...operation.query, definitions: [], documentId: hash } });
}

/** Whether the request was refused as it stands: sending it again would not help. Otherwise nothing is known. */
export function isRefused(error: CombinedError): boolean {
  const status = (error.response as Response | undefined)?.status ?? 0;
  return error.networkError === undefined && status < 500 && status !== 429 && !isBusy(error);
}

/** Whether it is the token that is refused, which says nothing of the call. */
export function isSignedOut(error: CombinedError): boolean {
  return error.graphQLErrors.some((one) => one.extensions["code"] === "UNAUTHENTICATED");
}

function isBusy(error: CombinedError): boolean {
  return error.graphQLErrors.some((one) => one.extensions["retryable"] === true);
}
