/** What a mutation will do with money, in a sentence, before it is sent. */
import type { Mutation, Variables } from "./operation";

/** Ask the API as the caller who is about to send; null where there is no answer. */
export type LookUp = (query: string, variables: Variables) => Promise<Readonly<Record<string, unknown>> | null>;

interface Money {
  readonly amount: number;
  readonly currency: string;
  readonly exponent?: number;
}

interface Payment {
  readonly amount: Money;
  readonly amountCapturable: Money;
  readonly amountRefundable: Money;
  readonly order: { readonly externalId: string | null };
}

interface Order {
  readonly externalId: string | null;
  readonly total: Money;
  readonly captureMethod: string;
}

interface Input {
  readonly orderId?: string;
  readonly paymentId?: string;
  readonly amount?: Money | null;
  readonly expectedAmount?: Money;
  readonly captureMethod?: string | null;
  readonly confirm?: boolean;
}

const MONEY = "{ amount currency exponent }";
const ORDER = `query ExplorerOrder($id: ID!) { order(id: $id) { externalId captureMethod total ${MONEY} } }`;
const PAYMENT = `query ExplorerPayment($id: ID!) { payment(id: $id) {
  amount ${MONEY} amountCapturable ${MONEY} amountRefundable ${MONEY} order { externalId } } }`;
const MOVES_NOTHING = new Set(["registerOrder"]);

/** The act in words; `movesMoney` is true for every keyed mutation that is not known to move none. */
export async function describe(mutation: Mutation, lookUp: LookUp): Promise<{ title: string; movesMoney: boolean }> {
  const { field, key } = mutation;
  if (key === undefined || MOVES_NOTHING.has(field)) return { title: `Send ${field}`, movesMoney: false };
  const input = (mutation.input["input"] ?? mutation.input) as Input;
  const title = input.orderId === undefined ? await ofPayment(field, input, lookUp) : await ofOrder(field, input, lookUp);
  return { title, movesMoney: true };
}

async function ofOrder(field: string, input: Input, lookUp: LookUp): Promise<string> {
  const order = (await lookUp(ORDER, { id: input.orderId }))?.["order"] as Order | null | undefined;
  const amount = input.expectedAmount ?? input.amount;
  const money = amount ? inWords(amount, order?.total) : "what is due";
  const place = `order ${named(input.orderId, order?.externalId)}`;
  if (field !== "createPayment") return `Send ${field}: ${money}, ${place}`;
  if (input.confirm !== true) return `Prepare a payment of ${money} for ${place}; nothing is charged yet`;
  return `${(input.captureMethod ?? order?.captureMethod) === "MANUAL" ? "Hold" : "Charge"} ${money} for ${place}`;
}

async function ofPayment(field: string, input: Input, lookUp: LookUp): Promise<string> {
  const payment = (await lookUp(PAYMENT, { id: input.paymentId }))?.["payment"] as Payment | null | undefined;
  const { order, amount, amountCapturable, amountRefundable } = payment ?? {};
  const place = `${input.paymentId ?? "?"}${order?.externalId ? ` (order ${order.externalId})` : ""}`;
  const given = (all: Money | undefined, unknown: string) =>
    input.amount ? inWords(input.amount, amount) : all ? inWords(all, all) : unknown;
  switch (field) {
    case "refundPayment":
      return `Refund ${given(amountRefundable, "all that is left")} of payment ${place}`;
    case "capturePayment":
      return `Capture ${given(amountCapturable, "all that is held")} of payment ${place}`;
    case "confirmPayment":
      return `Charge ${given(amount, "the whole amount")} for payment ${place}`;
    case "cancelPayment":
      return `Give up payment ${place} of ${given(amount, "its whole amount")} and release what it holds`;
    default:
      return `Send ${field}: ${given(undefined, "no amount given")}, payment ${place}`;
  }
}

function named(id: string | undefined, externalId: string | null | undefined): string {
  return externalId ? `${externalId} (${id})` : String(id);
}

/** An exact amount; in minor units where nobody has said how many decimal places the currency has. */
function inWords({ amount, currency }: Money, known: Money | undefined): string {
  if (known?.exponent === undefined || known.currency !== currency) return `${amount} ${currency} in minor units`;
  const { exponent } = known;
  const digits = String(Math.abs(amount)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const decimal = exponent === 0 ? whole : `${whole}.${digits.slice(-exponent)}`;
  const places = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const format = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "code", ...places });
  return format.format(`${amount < 0 ? "-" : ""}${decimal}` as `${number}`).replace("\u00a0", " ");
}
