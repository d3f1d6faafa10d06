/**
 * What the buyer asked for, written down before it is sent.
 *
 * While it is undecided there is no other one: a second click, a reload, a lost answer or another tab sends the same
 * call with the same idempotency key, and the server carries it out once.
 */
import { newIdempotencyKey } from "../idempotency";

interface Amount {
  readonly amount: number;
  readonly currency: string;
}

/** What the buyer wants done with the payment of an order. */
export type Act =
  | {
      readonly act: "pay";
      /** Stripe's id of the method; null lets Stripe's Payment Element ask for one, unless a saved method is named. */
      readonly paymentMethodId: string | null;
      /** Our id of a method that the buyer keeps, in place of Stripe's. */
      readonly savedPaymentMethodId?: string;
      /** The buyer agreed that the shop keeps the method for their next orders. */
      readonly isKept: boolean;
      /** What the buyer saw, in minor units. The server charges what the order owes and refuses a difference. */
      readonly expected: Amount;
    }
  | {
      readonly act: "try-again";
      readonly paymentId: string;
      readonly paymentMethodId: string | null;
      readonly savedPaymentMethodId?: string;
      /** What the buyer saw; there is none in what an earlier version of this page has written down. */
      readonly expected?: Amount;
    }
  | { readonly act: "give-up"; readonly paymentId: string };

/** What the buyer wants done with a method that they keep. */
export interface Forget {
  readonly act: "forget";
}

/** The delivery that the buyer wants of an order, which changes what it costs. */
export interface Deliver {
  readonly act: "deliver";
  readonly delivery: string;
}

type Wish = Act | Forget | Deliver;
type Undecided<Wanted> = Wanted & { readonly key: string };
export type Attempt = Undecided<Act>;

/** The undecided attempts at orders, or at saved methods: each is found by the id of what it is about. */
export interface Attempts<Wanted = Act> {
  /** The undecided attempt of this order or method, if any. */
  current(id: string): Undecided<Wanted> | null;
  /** The ids of all that have one. */
  ids(): readonly string[];
  /** The undecided attempt, or else a new one with a new key, kept before this returns. */
  begin(id: string, wanted: Wanted): Undecided<Wanted>;
  /** Its outcome is known: the next one gets a new key. */
  end(id: string, key: string): void;
}

/** What the buyer wants done with orders. */
export function attemptsIn(storage: Storage): Attempts {
  return undecidedIn<Act>(storage, "paygraph.attempt.", ["pay", "try-again", "give-up"]);
}

/** What the buyer wants done with saved methods: a method is forgotten beside what is paid, and in any order's page. */
export function forgettingIn(storage: Storage): Attempts<Forget> {
  return undecidedIn<Forget>(storage, FORGETTING, ["forget"]);
}

/** What the buyer wants done about deliveries: an order's price is changed beside its payment, by the shop. */
export function deliveringIn(storage: Storage): Attempts<Deliver> {
  return undecidedIn<Deliver>(storage, "paygraph.delivery.", ["deliver"]);
}

/** What is written down about saved methods has names that begin with this. */
export const FORGETTING = "paygraph.forget.";

function undecidedIn<Wanted extends Wish>(
  storage: Storage,
  prefix: string,
  acts: readonly Wanted["act"][],
): Attempts<Wanted> {
  const current = (id: string) => read<Wanted>(storage.getItem(prefix + id), acts);
  return {
    current,
    ids() {
      const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
      const ids = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
      return ids.filter((id) => current(id) !== null);
    },
    begin(id, wanted) {
      const undecided = current(id);
      if (undecided !== null) return undecided;
      const attempt = { ...wanted, key: newIdempotencyKey() };
      storage.setItem(prefix + id, JSON.stringify(attempt));
      return attempt;
    },
    end(id, key) {
      if (current(id)?.key === key) storage.removeItem(prefix + id);
    },
  };
}

function read<Wanted extends Wish>(text: string | null, acts: readonly unknown[]): Undecided<Wanted> | null {
  if (text === null) return null;
  try {
    const kept = JSON.parse(text) as Partial<Undecided<Wanted>> | null;
    return typeof kept?.key === "string" && acts.includes(kept.act) ? (kept as Undecided<Wanted>) : null;
  } catch {
    return null;
  }
}
