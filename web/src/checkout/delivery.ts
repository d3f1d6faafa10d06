import type { Attempts, Deliver } from "./attempt";
import { pause } from "./pay";
import { SIGNED_OUT } from "./saved";
import type { Delivered, Visit } from "./shop";

export interface Change {
  /** The delivery that is being asked for. Meanwhile nothing is paid here: the buyer has not seen the new amount. */
  readonly to: string | null;
  /** Why the last change was not made, in words for the buyer. */
  readonly refusal: string | null;
}

/** The choice of a delivery. The shop changes the price; what the order costs then, the API says. */
export class Deliveries {
  state: Change = { to: null, refusal: null };
  #listeners = new Set<() => void>();

  constructor(
    readonly visit: Visit,
    private readonly attempts: Attempts<Deliver>,
  ) {}

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): Change => this.state;

  /** Go on with what was asked for before this page was opened; `after` hears when it has come to its end. */
  async resume(after: () => Promise<unknown>): Promise<void> {
    const undecided = this.attempts.current(this.visit.orderId);
    if (undecided !== null) await this.choose(undecided.delivery, after);
  }

  /** Have the order delivered so: the same wish, with its one key, until its outcome is known. */
  async choose(delivery: string, after: () => Promise<unknown>): Promise<void> {
    if (this.state.to !== null) return;
    const { orderId } = this.visit;
    const wish = this.attempts.begin(orderId, { act: "deliver", delivery });
    this.#set({ to: wish.delivery, refusal: null });
    const outcome = await this.#untilKnown(wish.delivery, wish.key);
    if (outcome !== "signed-out") this.attempts.end(orderId, wish.key);
    await after();
    this.#set({ to: null, refusal: wordsOf(outcome) });
  }

  async #untilKnown(delivery: string, key: string): Promise<Delivered> {
    for (let turn = 0; ; turn += 1) {
      const outcome = await this.visit.deliver(delivery, key);
      if (outcome !== null) return outcome;
      await pause(undefined, turn);
    }
  }

  #set(news: Change): void {
    this.state = news;
    for (const listener of this.#listeners) listener();
  }
}

function wordsOf(outcome: Delivered): string | null {
  if (outcome === "done") return null;
  if (outcome === "signed-out") return SIGNED_OUT;
  return WORDS[outcome.refused] ?? "The delivery could not be changed. Please try again.";
}

const QUICKER = "Your payment was quicker than this change. The delivery and the amount stay as they were.";
const WORDS: Readonly<Record<string, string>> = {
  ACTIVE_PAYMENT_EXISTS: QUICKER,
  INVALID_STATE: QUICKER,
};
