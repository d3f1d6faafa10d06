/**
 * What the buyer asked for, written down before it is sent.
 *
 * While it is undecided there is no other one: a second click, a reload, a lost answer or another tab sends the same
 * call with the same idempotency key, and the server carries it out once.
 */
import { newIdempotencyKey } from "../idempotency";

/** What the buyer wants done. */
export type Act =
  | {
      readonly act: "pay";
      /** Stripe's id of the method; null lets Stripe's Payment Element ask for one. */
      readonly paymentMethodId: string | null;
      /** The buyer agreed that the shop keeps the method for their next orders. */
      readonly isKept: boolean;
      /** What the buyer saw, in minor units. The server charges what the order owes and refuses a difference. */
      readonly expected: { readonly amount: number; readonly currency: string };
    }
  | { readonly act: "try-again"; readonly paymentId: string; readonly paymentMethodId: string }
  | { readonly act: "give-up"; readonly paymentId: string };

export type Attempt = Act & { readonly key: string };

export interface Attempts {
  /** The undecided attempt of this order, if any. */
  current(orderId: string): Attempt | null;
  /** The undecided attempt, or else a new one with a new key, kept before this returns. */
  begin(orderId: string, wanted: Act): Attempt;
  /** Its outcome is known: the next one gets a new key. */
  end(orderId: string, key: string): void;
}

const ACTS = new Set<unknown>(["pay", "try-again", "give-up"]);
const PREFIX = "paygraph.attempt.";

export function attemptsIn(storage: Storage, newKey: () => string = newIdempotencyKey): Attempts {
  const current = (orderId: string): Attempt | null => read(storage.getItem(PREFIX + orderId));
  return {
    current,
    begin(orderId, wanted) {
      const undecided = current(orderId);
      if (undecided !== null) return undecided;
      const attempt = { ...wanted, key: newKey() };
      storage.setItem(PREFIX + orderId, JSON.stringify(attempt));
      return attempt;
    },
    end(orderId, key) {
      if (current(orderId)?.key === key) storage.removeItem(PREFIX + orderId);
    },
  };
}

function read(text: string | null): Attempt | null {
  if (text === null) return null;
  try {
    const kept = JSON.parse(text) as Partial<Attempt> | null;
    return typeof kept?.key === "string" && ACTS.has(kept.act) ? (kept as Attempt) : null;
  } catch {
    return null;
  }
}
