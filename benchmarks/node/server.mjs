// Apollo Server, GraphQL Yoga or Mercurius with JIT over Paygraph's own database: `node server.mjs apollo|yoga|mercurius`.
// They answer the benchmark's documents with the same data, one statement for an operation at its root, and do none of
// Paygraph's authorisation, limits, audit or recovery.
import { createServer } from "node:http";
import { ApolloServer, HeaderMap } from "@apollo/server";
import Fastify from "fastify";
import { createSchema, createYoga } from "graphql-yoga";
import mercurius from "mercurius";
import { makeAnswers, store } from "./answers.mjs";
import { typeDefs } from "./schema.mjs";

const [kind] = process.argv.slice(2);
const port = Number(process.env.PORT);
const answers = await makeAnswers();
const resolvers = {
  Query: { order: (_, { id }) => answers.order(id), payments: (_, { after }) => answers.payments(after) },
  Mutation: { createPayment: (_, { input, idempotencyKey }) => answers.createPayment(input, idempotencyKey) },
};

const read = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
};
const send = (response, status, body, headers = {}) => {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length, ...headers });
  response.end(bytes);
};
const webhook = async (request, response) => {
  await store(await read(request), request.headers["stripe-signature"]);
  send(response, 200, "{}");
};

if (kind === "mercurius") {
  const app = Fastify();
  app.register(mercurius, { schema: typeDefs, resolvers, jit: 1, graphiql: false });
  app.get("/healthz", async () => ({}));
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) =>
    request.url === "/graphql" ? done(null, JSON.parse(body)) : done(null, body),
  );
  app.post("/webhooks/stripe", async (request) => {
    await store(request.body, request.headers["stripe-signature"]);
    return {};
  });
  await app.listen({ host: "127.0.0.1", port });
} else {
  const graphql = kind === "apollo" ? await apollo() : yoga();
  createServer((request, response) => {
    if (request.url === "/graphql") graphql(request, response);
    else if (request.url === "/webhooks/stripe") webhook(request, response);
    else send(response, 200, "{}");
  }).listen(port, "127.0.0.1");
}

async function apollo() {
  const server = new ApolloServer({ typeDefs, resolvers, introspection: false, csrfPrevention: false });
  await server.start();
  return async (request, response) => {
    const headers = new HeaderMap(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const { body, status, headers: given } = await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: "POST", headers, search: "", body: JSON.parse(await read(request)) },
      context: async () => ({}),
    });
    send(response, status ?? 200, body.string, Object.fromEntries(given));
  };
}

function yoga() {
  return createYoga({ schema: createSchema({ typeDefs, resolvers }), graphiql: false, logging: false });
}
