import type { Client } from "@urql/core";
import type { KeptMethodsFragment, SavedMethodFieldsFragment } from "../gql/graphql";
import type { Attempts, Forget } from "./attempt";
import { forget } from "./pay";

export interface Saved {
  /** The default one first, then the newest. */
  readonly methods: readonly SavedMethodFieldsFragment[];
  /** The ids of those that are being forgotten. */
  readonly forgetting: readonly string[];
  /** What became of the last wish to forget one, in words for the buyer. */
  readonly told: { readonly text: string; readonly isDone: boolean } | null;
}

/**
 * The methods that the buyer keeps: listed, refused, forgotten.
 *
 * The wish to forget one is written down with its key before it is sent, and sent with that key until its outcome is
 * known: after a lost answer, after a reload, from another tab.
 */
export class SavedMethods {
  state: Saved = { methods: [], forgetting: [], told: null };
  #listeners = new Set<() => void>();
  /** Ids that must not come back with an answer that is older than their end. */
  #gone = new Set<string>();

  constructor(
    private readonly client: Client,
    private readonly attempts: Attempts<Forget>,
  ) {}

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): Saved => this.state;

  /** Show what the server says is kept; null where it says nothing of it. */
  learn(kept: KeptMethodsFragment | null | undefined): void {
    if (!kept) return;
    const { defaultPaymentMethod: first, paymentMethods } = kept;
    const others = paymentMethods.nodes.filter(({ id }) => id !== first?.id);
    const all = first ? [first, ...others] : others;
    this.#set({ methods: all.filter(({ id }) => !this.#gone.has(id)) });
  }

  /** Take a method out of the list: it is not kept any more, or was refused by its name. */
  drop(id: string): void {
    this.#gone.add(id);
    this.#set({ methods: this.state.methods.filter((method) => method.id !== id) });
  }

  /** What the buyer knows a method by. */
  name(id: string): string {
    const method = this.state.methods.find((one) => one.id === id);
    return method ? nameOf(method) : "saved payment method";
  }

  /** Go on with what was asked for before this page was opened. */
  async resume(): Promise<void> {
    await Promise.all(this.attempts.ids().map((id) => this.forget(id)));
  }

  /** Forget a method, here and at Stripe. Harmless when called twice. */
  async forget(id: string): Promise<void> {
    if (this.state.forgetting.includes(id)) return;
    const name = this.name(id);
    this.#set({ forgetting: [...this.state.forgetting, id], told: null });
    this.#set({ told: await this.#forget(id, name) });
    this.#set({ forgetting: this.state.forgetting.filter((one) => one !== id) });
  }

  async #forget(id: string, name: string): Promise<Saved["told"]> {
    const { key } = this.attempts.begin(id, { act: "forget" });
    const late = { text: `We are still asking for your ${name} to be forgotten.`, isDone: false };
    const outcome = await forget(this.client, id, key, () => this.#set({ told: late }));
    if (outcome === "signed-out") return { text: SIGNED_OUT, isDone: false }; // and the attempt stays undecided
    this.attempts.end(id, key);
    const errors = outcome === "refused" ? null : outcome.errors;
    const isGone = errors?.every(({ code }) => code === "NOT_FOUND") ?? false; // also when there are none
    if (!isGone) return { text: `Your ${name} could not be forgotten. Please try again.`, isDone: false };
    this.drop(id);
    if (outcome !== "refused") this.learn(outcome.customer);
    return { text: `Your ${name} is forgotten.`, isDone: true };
  }

  #set(news: Partial<Saved>): void {
    this.state = { ...this.state, ...news };
    for (const listener of this.#listeners) listener();
  }
}

/** A method as its owner knows it. */
export function nameOf({ snapshot }: SavedMethodFieldsFragment): string {
  switch (snapshot.__typename) {
    case "CardSnapshot":
      return `${BRANDS[snapshot.brand] ?? capitalized(snapshot.brand)} ending in ${snapshot.last4}`;
    case "BankAccountSnapshot":
      return `${snapshot.bank ?? "Bank account"} ending in ${snapshot.last4}`;
    default:
      return snapshot.label ?? capitalized(snapshot.type);
  }
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
}

/** Brands that are not written as Stripe's word for them. docs.stripe.com/api/payment_methods/object#payment_method_object-card-brand */
const BRANDS: Readonly<Record<string, string>> = {
  amex: "American Express",
  cartes_bancaires: "Cartes Bancaires",
  diners: "Diners Club",
  eftpos_au: "eftpos",
  jcb: "JCB",
  mastercard: "Mastercard",
  unionpay: "UnionPay",
};
export const SIGNED_OUT = "The shop does not know you any more. Please open this page again from the shop.";
