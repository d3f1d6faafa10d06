import type { Client } from "@urql/core";
import { onEnd, pipe, subscribe } from "wonka";
import type { CheckoutPaymentQuery, OrderFieldsFragment, PaymentFieldsFragment } from "../gql/graphql";
import type { Act, Attempt, Attempts } from "./attempt";
import { CHECKOUT, FOLLOW, PAYMENT } from "./operations";
import { carryOut } from "./pay";
import type { Visit } from "./shop";

type Whole = NonNullable<CheckoutPaymentQuery["payment"]>;
/** What only its payer is shown is missing until it was asked for. */
export type Known = PaymentFieldsFragment & Partial<Pick<Whole, "nextAction" | "clientSecret">>;

export interface State {
  readonly order: OrderFieldsFragment | null;
  readonly payment: Known | null;
  /** An attempt is on its way; `late` once it was sent more than once. */
  readonly sending: "no" | "first" | "late";
  readonly refusal: string | null;
  /** The order is followed live at this moment. */
  readonly live: boolean;
  readonly missing: boolean;
}

export type View = "loading" | "missing" | "pay" | "declined" | "sending" | "late" | "action" | "checking" | "paid";

const PAID = new Set(["PAID", "OVERPAID", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED", "AUTHORIZED"]);
const CHECKING = new Set(["INITIATED", "PROCESSING", "UNKNOWN"]);
const LONGEST_REST_MS = 10_000;

/** What the buyer sees. Paid wins over everything: whatever is still on its way cannot take more. */
export function viewOf({ order, payment, sending, missing }: State): View {
  if (missing) return "missing";
  if (order === null) return "loading";
  if (PAID.has(order.paymentStatus)) return "paid";
  if (sending !== "no") return sending === "late" ? "late" : "sending";
  if (payment === null || payment.status === "CANCELED") return "pay";
  if (payment.status === "REQUIRES_ACTION") return "action";
  if (CHECKING.has(payment.status)) return "checking";
  return payment.lastError ? "declined" : "pay";
}

/** One order's checkout: what is known of it, how it is paid, and how it is followed. */
export class Checkout {
  state: State = { order: null, payment: null, sending: "no", refusal: null, live: false, missing: false };
  #listeners = new Set<() => void>();
  #carrying: Promise<void> | null = null;
  #seen: number | null = null;
  #failures = 0;

  constructor(
    private readonly client: Client,
    private readonly visit: Visit,
    private readonly attempts: Attempts,
    private readonly leaveFor: (url: string) => void,
  ) {}

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): State => this.state;

  /** Take up where the buyer left: the order as it is, the attempt that was on its way, and everything that follows. */
  async start(isBack: boolean): Promise<void> {
    await this.load(isBack ? 0 : null);
    this.#follow();
    const undecided = this.attempts.current(this.visit.orderId);
    if (undecided !== null) await this.#carry(undecided, false);
  }

  /** Pay with this method; null prepares a payment for Stripe's Payment Element. Harmless when called twice. */
  async pay(paymentMethodId: string | null): Promise<void> {
    const { order, payment } = this.state;
    if (this.#carrying !== null || order === null || viewOf(this.state) === "paid") return this.#carrying ?? undefined;
    const { amount, currency } = order.amountDue;
    const act: Act =
      payment?.allowedActions.includes("CONFIRM") && paymentMethodId !== null
        ? { act: "try-again", paymentId: payment.id, paymentMethodId }
        : { act: "pay", paymentMethodId, expected: { amount, currency } };
    await this.#carry(this.attempts.begin(this.visit.orderId, act), true);
  }

  /** Give the open payment up, so that another one can be made. */
  async giveUp(): Promise<void> {
    const { payment } = this.state;
    if (this.#carrying !== null || payment === null) return this.#carrying ?? undefined;
    await this.#carry(this.attempts.begin(this.visit.orderId, { act: "give-up", paymentId: payment.id }), true);
  }

  /** Ask how things stand; `maxStalenessMs` lets Stripe be asked when our knowledge is older. */
  async load(maxStalenessMs: number | null = null): Promise<void> {
    const { orderId } = this.visit;
    const { data, error } = await this.client.query(CHECKOUT, { orderId, locale: navigator.language }).toPromise();
    if (error) return this.#set({ missing: this.state.order === null && error.networkError === undefined });
    if (!data?.order) return this.#set({ missing: true });
    this.#learn(data.order, data.order.payments.nodes[0] ?? null);
    if (this.state.payment !== null) await this.#loadPayment(this.state.payment.id, maxStalenessMs);
  }

  async #loadPayment(id: string, maxStalenessMs: number | null): Promise<void> {
    const answer = await this.client
      .query(PAYMENT, { id, maxStalenessMs, locale: navigator.language })
      .toPromise();
    const payment = answer.data?.payment;
    if (payment) this.#learn(payment.order, payment);
  }

  #carry(attempt: Attempt, isClick: boolean): Promise<void> {
    this.#carrying ??= this.#carryOut(attempt, isClick).finally(() => {
      this.#carrying = null;
      this.#set({ sending: "no" });
    });
    return this.#carrying;
  }

  async #carryOut(attempt: Attempt, isClick: boolean): Promise<void> {
    const { orderId } = this.visit;
    this.#set({ sending: "first", refusal: null });
    const outcome = await carryOut(this.client, orderId, attempt, () => this.#set({ sending: "late" }));
    this.attempts.end(orderId, attempt.key);
    if ("code" in outcome) {
      this.#set({ refusal: outcome.text });
      return this.load();
    }
    if (outcome.payment) this.#learn(outcome.payment.order, outcome.payment);
    const refused = outcome.errors.find((error) => error.__typename !== "CardDeclinedError");
    if (refused) {
      this.#set({ refusal: WORDS[refused.code] ?? refused.message });
      return this.load();
    }
    const url = outcome.payment?.nextAction?.redirectUrl;
    if (isClick && url && outcome.payment?.status === "REQUIRES_ACTION") this.leaveFor(url);
  }

  /** Keep what is newer. News of another payment than the newest one changes the order only. */
  #learn(order: OrderFieldsFragment, payment: Known | null): void {
    const before = this.state;
    const news: { -readonly [Name in keyof State]?: State[Name] } = {};
    if (before.order === null || order.version >= before.order.version) news.order = order;
    if (payment !== null) {
      const isSame = before.payment?.id === payment.id;
      if (isSame && before.payment && payment.version >= before.payment.version) {
        const secrets = payment.version === before.payment.version ? before.payment : {};
        news.payment = { ...secrets, ...payment };
      } else if (!isSame && (before.payment === null || news.order !== undefined)) {
        news.payment = payment;
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

  #hear(event: { sequence: number; order: OrderFieldsFragment; payment?: Known | null }): void {
    this.#seen = Math.max(this.#seen ?? 0, event.sequence);
    this.#learn(event.order, event.payment ?? null);
    const { payment } = this.state;
    const lacksPage = payment?.status === "REQUIRES_ACTION" && !payment.nextAction;
    if (lacksPage && this.#carrying === null) void this.#loadPayment(payment.id, null);
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

const WORDS: Readonly<Record<string, string>> = {
  AMOUNT_MISMATCH: "The amount of your order has changed. Please look at it again.",
  ORDER_ALREADY_PAID: "This order is already paid.",
  ACTIVE_PAYMENT_EXISTS: "A payment for this order is already on its way.",
  RATE_LIMITED: "That was a little fast. Please try again in a moment.",
};
