/**
 * The one way by which a mutation leaves the page.
 *
 * One at a time. Its key is kept before it is sent, and only an answer about the act ends it: until then the same act
 * keeps the key, so that it happens once at most.
 */
import { type GraphQLSchema, print } from "graphql";
import { newIdempotencyKey } from "../idempotency";
import { type Answer, judge, type Verdict, withoutFinalityFields } from "./answer";
import type { Attempt, Attempts } from "./attempts";
import { describe, type LookUp } from "./money";
import {
  actOf,
  withFinalityFields,
  keyVariables,
  type Mutation,
  NotSent,
  type Operation,
  readMutation,
  refusePlaceholders,
  type Variables,
  withKey,
} from "./operation";
import { isPlaceholder } from "./tabs";

/** Who sends: the subject whose keys these are, and the name and token that the user chose. */
export interface Sender {
  readonly subject: string;
  readonly name: string;
  readonly post: (body: object) => Promise<Answer>;
}

export interface Notice {
  readonly tone: "busy" | "good" | "bad";
  readonly text: string;
}

/** What the gate shows to whoever clicked. */
export interface Display {
  notify(notice: Notice): void;
  /** Ask before real money moves; false sends nothing. */
  approve(title: string): Promise<boolean>;
  /** What is undecided has changed. */
  refresh(): void;
}

interface Options {
  readonly schema: GraphQLSchema;
  readonly livemode: boolean;
  readonly attempts: Attempts;
  readonly display: Display;
}

/** A click. */
export interface Click {
  readonly operation: Operation;
  readonly sender: Sender;
  /** Keep the key that stands in the editor. */
  readonly replays: boolean;
  /** The key is decided: show it in the editor. */
  showKey(keys: Variables): void;
}

interface Prepared extends Click {
  readonly mutation: Mutation;
  readonly act: string;
}

const ONE_TAB = "paygraph.explorer.sending";
const KEEPS_ITS_KEY = "Send it again: it keeps its key, so it happens once at most.";

export class Gate {
  #flight: { readonly act: string; readonly answer: Promise<unknown> } | null = null;

  constructor(private readonly options: Options) {}

  /** Send a mutation, or wait with an earlier click for the answer of the same one. Raises NotSent. */
  async send(click: Click): Promise<unknown> {
    const mutation = readMutation(this.options.schema, click.operation);
    const act = actOf(mutation);
    if (this.#flight !== null) {
      if (this.#flight.act === act) return this.#flight.answer;
      throw new NotSent("Nothing was sent: another mutation is still on its way. Wait for its answer.");
    }
    const answer = inOneTab(() => this.#carry({ ...click, mutation, act })).finally(() => {
      this.#flight = null;
      this.options.display.refresh();
    });
    this.#flight = { act, answer };
    return answer;
  }

  async #carry(prepared: Prepared): Promise<unknown> {
    const { attempts, livemode, display } = this.options;
    const { mutation, act, sender } = prepared;
    const earlier = attempts.find(act);
    const key = this.#chooseKey(prepared, earlier);
    const keyed = key === undefined ? mutation : withKey(mutation, key);
    refusePlaceholders(keyed.variables);
    refusePlaceholders(mutation.input);
    if (key !== undefined) prepared.showKey(Object.fromEntries(keyVariables(mutation).map((name) => [name, key])));
    const { title, movesMoney } = await describe(mutation, lookUpAs(sender));
    const again = earlier === null ? "" : " (again, with its key)";
    if (livemode && movesMoney && !(await display.approve(title + again))) {
      throw new NotSent(`Not sent: ${title}. Nothing happened.`);
    }
    if (key !== undefined && earlier === null) {
      const query = print(keyed.document);
      const { subject: caller, name: as } = sender;
      this.#keep({ key, act, caller, as, title, sentAt: Date.now(), query, variables: keyed.variables });
    }
    display.notify({ tone: "busy", text: `${title}${again} … on its way.` });
    const answer = await sender.post({
      query: print(withFinalityFields(this.options.schema, keyed.document)),
      variables: keyed.variables,
      operationName: mutation.definition.name?.value,
    });
    return this.#settle(prepared, title, key, earlier, answer);
  }

  /** The key of the act while it is undecided; else the one in the editor for a replay, or a new one. */
  #chooseKey({ mutation, sender, replays }: Prepared, earlier: Attempt | null): string | undefined {
    const isWritten = mutation.key !== undefined && keyVariables(mutation).length === 0;
    if (mutation.key === undefined) return undefined;
    if (earlier !== null) {
      if (earlier.caller === sender.subject) return earlier.key;
      throw new NotSent(
        `Nothing was sent: ${earlier.as} sent the same and has no answer yet. ` +
          `From ${sender.name} it would be a second one. Ask as ${earlier.as}, or forget it above.`,
      );
    }
    if (!replays && !isWritten) return newIdempotencyKey();
    if (mutation.key === null || isPlaceholder(mutation.key)) {
      throw new NotSent("Nothing was sent: there is nothing to replay yet. Choose “New key each send” first.");
    }
    return mutation.key;
  }

  #keep(attempt: Attempt): void {
    try {
      this.options.attempts.keep(attempt);
    } catch {
      throw new NotSent("Nothing was sent: the browser's storage did not take the key, so a lost answer could cost twice.");
    }
  }

  /** Tell what the answer says of the act, and forget the key once that is final. */
  #settle({ mutation }: Prepared, title: string, key: string | undefined, earlier: Attempt | null, answer: Answer): unknown {
    const { attempts, display } = this.options;
    const verdict = judge(answer, mutation.responseName);
    const isOver = verdict.kind === "decided" || (verdict.kind === "refused" && earlier === null);
    if (isOver && key !== undefined) attempts.forget(key);
    const text = sentenceOf(verdict, title, isOver, key !== undefined);
    display.notify({ tone: verdict.kind === "decided" && verdict.reason === null ? "good" : "bad", text });
    return answer?.body === undefined ? text : withoutFinalityFields(answer.body, mutation.responseName);
  }
}

/** Nothing else is sent from any tab of this browser meanwhile, where the browser can see to that. */
async function inOneTab<Result>(work: () => Promise<Result>): Promise<Result> {
  if (navigator.locks === undefined) return work(); // plain http elsewhere than on loopback
  return navigator.locks.request(ONE_TAB, { ifAvailable: true }, (lock) => {
    if (lock === null) throw new NotSent("Nothing was sent: another tab of the explorer is sending. Wait for its answer.");
    return work();
  });
}

function lookUpAs({ post }: Sender): LookUp {
  return async (query, variables) => {
    const answer = await post({ query, variables });
    return (answer?.body?.["data"] as Awaited<ReturnType<LookUp>> | undefined) ?? null;
  };
}

/** What the answer says of the act, in a sentence. */
function sentenceOf({ kind, reason }: Verdict, title: string, isOver: boolean, hasKey: boolean): string {
  if (kind === "decided") return reason === null ? `Answered: ${title}.` : `Refused: ${title}. ${reason}`;
  if (isOver) return `Refused: ${title}. ${reason} Nothing happened.`;
  return `${reason} ${hasKey ? `Whether it happened is not known. ${KEEPS_ITS_KEY}` : "Send it again."}`;
}
