import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import type { GraphQLSchema } from "graphql";
import { createClient, type SubscribePayload } from "graphql-ws";
import type { Answer } from "./answer";
import { type Attempt, Attempts } from "./attempts";
import { type Click, Gate, type Notice, type Sender } from "./gate";
import { isMutation, NotSent, type Operation, readOperation, refusePlaceholders, type Variables } from "./operation";
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

/** What is asked before real money moves, and how it is answered. */
export interface Question {
  readonly title: string;
  answer(isApproved: boolean): void;
}

export interface State {
  readonly tokens: readonly Token[];
  /** The name of the token that the open tab sends with; null for none. */
  readonly chosen: string | null;
  /** Mutations keep the key that they carry, instead of getting a fresh one. */
  readonly replays: boolean;
  /** What became of the last click, in a sentence. */
  readonly notice: Notice | null;
  readonly undecided: readonly Attempt[];
  readonly question: Question | null;
}

/** Whatever the answer's pane can show: any JSON, a sentence too. */
type FetcherResult = Awaited<ReturnType<Fetcher>>;

const NOBODY = "Nobody";
const LONGEST_ANSWER_MS = 30_000; // the server answers within ten seconds
const NO_ANSWER = "No answer came. Is the server reachable?";

/**
 * Who asks, and what became of it. Tokens are in memory alone: a reload forgets the ones that were added, and none is
 * ever part of a tab, of its headers or of what a browser stores. What a browser stores is what has no answer yet.
 */
export class Session {
  state: State;
  /** Shows in the editor the variables that are really sent. */
  showVariables: (variables: Variables) => void = () => undefined;
  #listeners = new Set<() => void>();
  #byTab = new Map<string, string | null>();
  #tab: string | null = null;
  #nextTab: string | null = null;
  #attempts = new Attempts(() => localStorage);
  #gate: Gate;

  constructor({ tokens, livemode }: Welcome, schema: GraphQLSchema) {
    const undecided = this.#attempts.all();
    this.state = { tokens, chosen: tokens[0]?.name ?? null, replays: false, notice: null, undecided, question: null };
    this.#gate = new Gate({
      schema,
      livemode,
      attempts: this.#attempts,
      display: {
        notify: (notice) => this.#set({ notice }),
        approve: (title) => this.#ask(title),
        refresh: this.refresh,
      },
    });
  }

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): State => this.state;

  /** Read again what is undecided: another tab may have sent, or been answered. */
  refresh = (): void => this.#set({ undecided: this.#attempts.all() });

  /** A tab is shown: it sends with the token chosen in it, or else with the one that its title begins with. */
  open(tab: string, title: string): void {
    this.#tab = tab;
    if (this.#nextTab !== null) this.#byTab.set(tab, this.#nextTab);
    this.#nextTab = null;
    const { tokens, chosen } = this.state;
    const own = this.#byTab.has(tab) ? this.#byTab.get(tab) : tokens.find(({ name }) => title.startsWith(name))?.name;
    this.#set({ chosen: own === undefined ? chosen : own });
  }

  choose(name: string | null): void {
    if (this.#tab !== null) this.#byTab.set(this.#tab, name);
    this.#set({ chosen: name });
  }

  /** The tab that is opened next sends as the attempt's sender, where the page still has a token of theirs. */
  openNextAs({ caller }: Attempt): void {
    this.#nextTab = this.state.tokens.find((token) => subjectOf(token) === caller)?.name ?? null;
  }

  add(token: Token): void {
    this.#set({ tokens: [...this.state.tokens.filter(({ name }) => name !== token.name), token] });
    this.choose(token.name);
  }

  replay(replays: boolean): void {
    this.#set({ replays });
  }

  /** Give up what is undecided: the same act, sent again, is a new one. */
  forget({ key }: Attempt): void {
    this.#attempts.forget(key);
    this.refresh();
  }

  /** Sends over HTTP, mutations through the gate, or follows over a WebSocket at the same address. */
  fetcher: Fetcher = (request) => this.#answer(request) as Promise<FetcherResult>;

  async #answer({ query, operationName, variables }: FetcherParams): Promise<unknown> {
    try {
      const given = (variables ?? {}) as Variables;
      const operation = readOperation(query, operationName, given);
      if (isMutation(operation)) return await this.#gate.send(this.#click(operation, given));
      if (this.state.notice?.tone !== "busy") this.#set({ notice: null });
      refusePlaceholders(operation.variables);
      const request = { query, variables: operation.variables, ...(operationName ? { operationName } : {}) };
      return operation.definition.operation === "subscription" ? this.#follow(request) : await this.#query(request);
    } catch (error) {
      if (!(error instanceof NotSent)) throw error;
      this.#set({ notice: { tone: "bad", text: error.message } });
      return error.message;
    }
  }

  #click(operation: Operation, given: Variables): Click {
    const tab = this.#tab;
    return {
      operation,
      sender: this.#sender,
      replays: this.state.replays,
      showKey: (keys) => {
        if (tab === this.#tab) this.showVariables({ ...given, ...keys });
      },
    };
  }

  async #query(request: FetcherParams): Promise<unknown> {
    const answer = await this.#sender.post(request);
    if (answer?.body) return answer.body;
    throw new NotSent(answer === null ? NO_ANSWER : `The answer was HTTP ${answer.status}, and none of Paygraph's.`);
  }

  async *#follow(request: SubscribePayload) {
    const socket = createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
      connectionParams: authorization(this.#token),
      retryAttempts: 0,
    });
    try {
      yield* socket.iterate(request);
    } catch (error) {
      const text = error instanceof CloseEvent && error.reason !== "" ? `${error.reason}.` : "The connection was lost.";
      this.#set({ notice: { tone: "bad", text: `${text} Send it again to go on following.` } });
    } finally {
      await socket.dispose();
    }
  }

  #ask(title: string): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (isApproved: boolean) => {
        this.#set({ question: null });
        resolve(isApproved);
      };
      this.#set({ question: { title, answer } });
    });
  }

  get #token(): Token | undefined {
    return this.state.tokens.find(({ name }) => name === this.state.chosen);
  }

  get #sender(): Sender {
    const token = this.#token;
    return {
      subject: token === undefined ? "" : subjectOf(token),
      name: token?.name ?? NOBODY,
      post: (body) => post(body, authorization(token)),
    };
  }

  #set(news: Partial<State>): void {
    this.state = { ...this.state, ...news };
    for (const listener of this.#listeners) listener();
  }
}

function authorization(token: Token | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token.token}` };
}

/** Whose idempotency keys a token uses: its subject; an opaque token is known by its name. */
function subjectOf({ name, token }: Token): string {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { sub } = JSON.parse(atob(claims)) as { sub?: unknown };
    return typeof sub === "string" ? sub : name;
  } catch {
    return name;
  }
}

/** One request; null for no answer, or half of one. */
async function post(body: object, headers: Record<string, string>): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LONGEST_ANSWER_MS),
    });
    text = await response.text();
  } catch {
    return null;
  }
  const wait = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return { status: response.status, body: readBody(text), retryAfterSeconds: Number.isFinite(wait) ? wait : null };
}

function readBody(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return body !== null && typeof body === "object" && !Array.isArray(body) ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
