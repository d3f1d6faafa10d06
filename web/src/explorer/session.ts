import type { Fetcher } from "@graphiql/toolkit";
import { createClient, type SubscribePayload } from "graphql-ws";
import { newIdempotencyKey } from "../idempotency";
import { keyVariables, withFreshKeys } from "./keys";
import type { OfferedOrder } from "./tabs";

export interface Token {
  readonly name: string;
  readonly token: string;
}

export interface Welcome {
  readonly livemode: boolean;
  readonly tokens: readonly Token[];
  readonly orders: readonly OfferedOrder[];
}

export interface State {
  readonly tokens: readonly Token[];
  /** The name of the token that the open tab sends with; null for none. */
  readonly chosen: string | null;
  /** Mutations keep the key that they carry, instead of getting a fresh one. */
  readonly replays: boolean;
}

/**
 * Who asks, and with which key. Everything is in memory alone: a reload forgets the tokens that were added, and no
 * token is ever part of a tab, of its headers or of what a browser stores.
 */
export class Session {
  state: State;
  /** Shows in the editor the variables that were really sent. */
  showVariables: (variables: object) => void = () => undefined;
  #listeners = new Set<() => void>();
  #byTab = new Map<string, string | null>();
  #tab: string | null = null;

  constructor({ tokens }: Welcome) {
    this.state = { tokens, chosen: tokens[0]?.name ?? null, replays: false };
  }

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): State => this.state;

  /** A tab is shown: it sends with the token chosen in it, or else with the one that its title begins with. */
  open(tab: string, title: string): void {
    this.#tab = tab;
    const { tokens, chosen } = this.state;
    const own = this.#byTab.has(tab) ? this.#byTab.get(tab) : tokens.find(({ name }) => title.startsWith(name))?.name;
    this.#set({ chosen: own === undefined ? chosen : own });
  }

  choose(name: string | null): void {
    if (this.#tab !== null) this.#byTab.set(this.#tab, name);
    this.#set({ chosen: name });
  }

  add(token: Token): void {
    this.#set({ tokens: [...this.state.tokens.filter(({ name }) => name !== token.name), token] });
    this.choose(token.name);
  }

  replay(replays: boolean): void {
    this.#set({ replays });
  }

  /** Sends over HTTP, or follows over a WebSocket at the same address. */
  fetcher: Fetcher = async ({ query, operationName, variables }, options) => {
    const given = (variables ?? {}) as Readonly<Record<string, unknown>>;
    const names = this.state.replays ? [] : keyVariables(query, operationName);
    const sent = withFreshKeys(given, names, newIdempotencyKey);
    if (names.length > 0) this.showVariables(sent);
    const request = { query, variables: sent, ...(operationName ? { operationName } : {}) };
    if (isSubscription(options?.documentAST, operationName)) return this.#follow(request);
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...this.#authorization },
      body: JSON.stringify(request),
    });
    return answer.json();
  };

  async *#follow(request: SubscribePayload) {
    const socket = createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
      connectionParams: this.#authorization,
      retryAttempts: 0,
    });
    try {
      yield* socket.iterate(request);
    } finally {
      await socket.dispose();
    }
  }

  get #authorization(): Record<string, string> {
    const token = this.state.tokens.find(({ name }) => name === this.state.chosen)?.token;
    return token === undefined ? {} : { Authorization: `Bearer ${token}` };
  }

  #set(news: Partial<State>): void {
    this.state = { ...this.state, ...news };
    for (const listener of this.#listeners) listener();
  }
}

type Document = NonNullable<Parameters<Fetcher>[1]>["documentAST"];

function isSubscription(document: Document, operationName: string | null | undefined): boolean {
  const operations = (document?.definitions ?? []).filter((one) => one.kind === "OperationDefinition");
  const named = operations.find((operation) => operation.name?.value === operationName);
  return (named ?? operations[0])?.operation === "subscription";
}
