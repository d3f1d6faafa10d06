import type { Client } from "@urql/core";
import { onEnd, pipe, subscribe } from "wonka";
import type { ConfirmationFieldsFragment, OrderFieldsFragment, PaymentFieldsFragment } from "../gql/graphql";
import type { Act, Attempt, Attempts } from "./attempt";
import type { Deliveries } from "./delivery";
import { CHECKOUT, CONFIRMATION, FOLLOW, PAYMENT } from "./operations";
import { carryOut, type Paid } from "./pay";
import { type SavedMethods, SIGNED_OUT } from "./saved";
import type { Visit } from "./shop";

/** How the buyer pays: with a method of Stripe's, which is kept if they said so, or with one of ours that they keep. */
export type Method =
  | { readonly paymentMethodId: string; readonly isKept: boolean }
  | { readonly savedPaymentMethodId: string };

export interface State {
  readonly order: OrderFieldsFragment | null;
  readonly payment: PaymentFieldsFragment | null;
  /** What the payer needs to go on with this payment; undefined until it was asked for. */
  readonly confirmation: ConfirmationFieldsFragment | null | undefined;
  /** An attempt is on its way; `late` once it was sent more than once. */
  readonly sending: "no" | "first" | "late";
  /** That attempt: what the buyer chose is shown while it is sent, also after a reload. */
  readonly sent: Attempt | null;
  readonly refusal: string | null;
  /** The order is followed live at this moment. */
  readonly live: boolean;
  readonly missing: boolean;
}

export type View = "loading" | "missing" | "pay" | "declined" | "sending" | "late" | "action" | "checking" | "processing" | "paid";

const PAID = new Set(["PAID", "OVERPAID", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED", "AUTHORIZED"]);
const CHECKING = new Set(["INITIATED", "PROCESSING", "UNKNOWN"]);
const WAITING = new Set(["REQUIRES_PAYMENT_METHOD", "REQUIRES_CONFIRMATION", "REQUIRES_ACTION"]);
const LONGEST_REST_MS = 10_000;

/** What the buyer sees. Paid wins over everything: whatever is still on its way cannot take more. */
export function viewOf({ order, payment, sending, missing }: State): View {
  if (missing) return "missing";
  if (order === null) return "loading";
  if (PAID.has(order.paymentStatus)) return "paid";
  if (sending !== "no") return sending === "late" ? "late" : "sending";
  if (payment === null || payment.status === "CANCELED") return "pay";
  if (payment.status === "REQUIRES_ACTION") return "action";
  if (payment.status === "PROCESSING" && payment.paymentMethod?.__typename !== "CardSnapshot") return "processing";
  if (CHECKING.has(payment.status)) return "checking";
  return payment.lastError ? "declined" : "pay";
}

/** One order's checkout: what is known of it, how it is paid, and how it is followed. */
export class Checkout {
  state: State = {
    order: null,
    payment: null,
    confirmation: undefined,
    sending: "no",
    sent: null,
    refusal: null,
    live: false,
    missing: false,
  };
  #listeners = new Set<() => void>();
  #carrying: Promise<void> | null = null;
  #seen: number | null = null;
  #failures = 0;

  constructor(
    private readonly client: Client,
    private readonly visit: Visit,
    private readonly attempts: Attempts,
    readonly saved: SavedMethods,
    readonly deliveries: Deliveries,
    private readonly leaveFor: (url: string) => void,
  ) {}

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): State => this.state;

  /** Take up where the buyer left: the order as it is, the attempts that were on their way, and everything that follows. */
  async start(isBack: boolean): Promise<void> {
    const { orderId } = this.visit;
    this.#show(this.attempts.current(orderId));
    await this.load(isBack ? 0 : null);
    this.#follow();
    void this.saved.resume();
    void this.deliveries.resume(() => this.load());
    const undecided = this.attempts.current(orderId);
    if (undecided !== null) await this.#carry(undecided, false);
    else this.#show(null);
  }

  /** Pay with this method; null prepares a payment for Stripe's Payment Element. Harmless when called twice. */
  async pay(method: Method | null): Promise<void> {
    const { order, payment } = this.state;
    if (this.#carrying !== null || order === null || viewOf(this.state) === "paid") return this.#carrying ?? undefined;
    const { amount, currency } = order.amountDue;
    const expected = { amount, currency };
    const { isKept, ...using } = { paymentMethodId: null, isKept: false, ...method };
    const act: Act =
      payment?.allowedActions.includes("CONFIRM") && method !== null
        ? { act: "try-again", paymentId: payment.id, ...using, expected }
        : { act: "pay", ...using, isKept, expected };
    await this.#carry(this.attempts.begin(this.visit.orderId, act), true);
  }

  /** Have the order delivered so, and show what it costs then. */
  async deliver(name: string): Promise<void> {
    await this.deliveries.choose(name, () => this.load());
  }

  /** Give the open payment up, so that another one can be made. */
  async giveUp(): Promise<void> {
    const { payment } = this.state;
    if (this.#carrying !== null || payment === null) return this.#carrying ?? undefined;
    await this.#carry(this.attempts.begin(this.visit.orderId, { act: "give-up", paymentId: payment.id }), true);
  }

  /** Ask how things stand, and say whether there was an answer; `maxStalenessMs` lets Stripe be asked when our knowledge is older. */
  async load(maxStalenessMs: number | null = null): Promise<boolean> {
    const { orderId } = this.visit;
    const { data, error } = await this.client.query(CHECKOUT, { orderId, locale: navigator.language }).toPromise();
    this.saved.learn(data?.viewer?.customer);
    if (!data?.order) {
      const isUnknown = error !== undefined && (this.state.order !== null || error.networkError !== undefined);
      this.#set({ missing: !isUnknown });
      return false;
    }
    this.#learn(data.order, data.order.payments.nodes[0] ?? null);
    if (this.state.payment !== null) await this.#loadPayment(this.state.payment.id, maxStalenessMs);
    return true;
  }

  /** What the payer needs to go on, asked for unless it is known; undefined when it cannot be asked. */
  async confirmation(): Promise<State["confirmation"]> {
    if (this.state.confirmation === undefined) await this.#loadConfirmation();
    return this.state.confirmation;
  }

  async #loadPayment(id: string, maxStalenessMs: number | null): Promise<void> {
    const answer = await this.client
      .query(PAYMENT, { id, maxStalenessMs, locale: navigator.language })
      .toPromise();
    const payment = answer.data?.payment;
    if (payment) this.#learn(payment.order, payment);
    if (WAITING.has(this.state.payment?.status ?? "")) await this.#loadConfirmation();
  }

  async #loadConfirmation(): Promise<void> {
    const { payment } = this.state;
    if (payment === null) return;
    const { data, error } = await this.client.query(CONFIRMATION, { id: payment.id }).toPromise();
    const isSame = this.state.payment?.id === payment.id && this.state.payment.version === payment.version;
    if (isSame && error === undefined) this.#set({ confirmation: data?.paymentConfirmation ?? null });
  }

  #carry(attempt: Attempt, isClick: boolean): Promise<void> {
    this.#carrying ??= this.#carryOut(attempt, isClick).finally(() => {
      this.#carrying = null;
      this.#show(null);
    });
    return this.#carrying;
  }

  #show(sent: Attempt | null): void {
    this.#set({ sent, sending: sent === null ? "no" : "first" });
  }

  async #carryOut(attempt: Attempt, isClick: boolean): Promise<void> {
    const { orderId } = this.visit;
    this.#show(attempt);
    this.#set({ refusal: null });
    const outcome = await carryOut(this.client, orderId, attempt, () => this.#set({ sending: "late" }));
    if (outcome === "signed-out") return this.#set({ refusal: SIGNED_OUT }); // and the attempt stays undecided
    this.attempts.end(orderId, attempt.key);
    if (outcome === "refused") {
      this.#set({ refusal: REFUSED });
      await this.load();
      return;
    }
    if (outcome.payment) this.#learn(outcome.payment.order, outcome.payment, outcome.confirmation);
    const refused = outcome.errors.find((error) => error.__typename !== "CardDeclinedError");
    if (refused) {
      this.#set({ refusal: this.#explain(refused, attempt) });
      await this.load();
      return;
    }
    const url = outcome.confirmation?.nextAction?.redirectUrl;
    if (isClick && url && outcome.payment?.status === "REQUIRES_ACTION") this.leaveFor(url);
  }

  /** A refusal in words for the buyer. A saved method that is refused by its name is not offered again. */
  #explain(refused: Paid["errors"][number], attempt: Attempt): string {
    const ofMethod = refused.__typename === "PaymentMethodUnusableError" ? refused.customerMessage : null;
    const text = ofMethod ?? WORDS[refused.code] ?? REFUSED;
    const saved = attempt.act === "give-up" ? undefined : attempt.savedPaymentMethodId;
    const isByName = ofMethod !== null || (refused.path?.includes("savedPaymentMethodId") ?? false);
    if (saved === undefined || !isByName) return text;
    const name = this.saved.name(saved);
    this.saved.drop(saved);
    return `Your ${name}: ${ofMethod ?? NOT_KEPT}`;
  }

  /** Keep what is newer. News of another payment than the newest one changes the order only. */
  #learn(
    order: OrderFieldsFragment,
    payment: PaymentFieldsFragment | null,
    confirmation?: ConfirmationFieldsFragment | null,
  ): void {
    const before = this.state;
    const news: { -readonly [Name in keyof State]?: State[Name] } = {};
    if (before.order === null || order.version >= before.order.version) news.order = order;
    const isRepriced = before.order !== null && news.order !== undefined && order.total.amount !== before.order.total.amount;
    if (isRepriced && this.deliveries.state.to === null) news.refusal = REPRICED; // nobody asked for it here
    if (payment !== null) {
      const isSame = before.payment?.id === payment.id;
      const isNewer = isSame ? payment.version >= (before.payment?.version ?? 0) : news.order !== undefined;
      if (isNewer || before.payment === null) {
        news.payment = payment;
        if (confirmation !== undefined) news.confirmation = confirmation;
        else if (!isSame || payment.version !== before.payment?.version) news.confirmation = undefined;
      }
    }
    this.#set(news);
  }

  #follow(): void {
    const variables = { orderId: this.visit.orderId, afterSequence: this.#seen, locale: navigator.language };
    const { unsubscribe } = pipe(
      this.client.subscription(FOLLOW, variables),
      onEnd(() => this.#followAgain()),
      subscribe(({ data, error }) => {
        if (error) {
          queueMicrotask(() => unsubscribe()); // which ends it, and so begins it again
        } else if (data) {
          this.#failures = 0;
          this.#set({ live: true });
          this.#hear(data.orderPaymentUpdated);
        }
      }),
    );
  }

  #hear(event: { sequence: number; order: OrderFieldsFragment; payment?: PaymentFieldsFragment | null }): void {
    this.#seen = Math.max(this.#seen ?? 0, event.sequence);
    this.#learn(event.order, event.payment ?? null);
    const { payment, confirmation } = this.state;
    const lacksPage = payment?.status === "REQUIRES_ACTION" && confirmation === undefined;
    if (lacksPage && this.#carrying === null) void this.#loadConfirmation();
  }

  #followAgain(): void {
    this.#set({ live: false });
    const rest = Math.min(500 * 2 ** this.#failures, LONGEST_REST_MS);
    this.#failures += 1;
    setTimeout(async () => {
      await this.visit.token(this.#failures > 1).catch(() => undefined);
      if (this.#seen === null) await this.load();
      this.#follow();
    }, rest);
  }

  #set(news: Partial<State>): void {
    this.state = { ...this.state, ...news };
    for (const listener of this.#listeners) listener();
  }
}

const REPRICED = "The amount of your order has changed. Please look at it again.";
/** Refusals in words for the buyer: an error's `message` is for the staff. */
const WORDS: Readonly<Record<string, string>> = {
  AMOUNT_MISMATCH: REPRICED,
  ORDER_ALREADY_PAID: "This order is already paid.",
  ACTIVE_PAYMENT_EXISTS: "A payment for this order is already on its way.",
  INVALID_STATE: "This payment has changed meanwhile. Please look at it again.",
  RATE_LIMITED: "That was a little fast. Please try again in a moment.",
};
const NOT_KEPT = "It is not kept any more. Please choose another way to pay.";
const REFUSED = "This did not work. Please look at your order again, or choose another way to pay.";
