import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { Action } from "./Action";
import { Cards } from "./Cards";
import type { Checkout, State, View } from "./checkout";
import { Headline } from "./Headline";
import { type Settings, startAgain } from "./shop";

const Element = lazy(() => import("./Element"));

interface Props {
  readonly checkout: Checkout;
  readonly state: State;
  readonly view: View;
  readonly settings: Settings;
  /** The amount is about to change. */
  readonly isChanging: boolean;
}

/** The payment: what the buyer may do now, or what is happening. */
export function Panel(props: Props) {
  return (
    <section className="panel" aria-label="Payment">
      <div role="status" aria-live="polite" className="unseen">
        {SPOKEN[props.view]}
      </div>
      <Body {...props} />
    </section>
  );
}

function Body(props: Props) {
  const { checkout, state, view, settings } = props;
  switch (view) {
    case "loading":
      return <Progress title="Loading your order" />;
    case "missing":
      return (
        <Headline title="This order is not yours, or not there" tone="bad">
          <p>Nothing was charged.</p>
          <button type="button" onClick={startAgain}>
            Begin a new order
          </button>
        </Headline>
      );
    case "paid":
      return <Receipt state={state} />;
    case "checking":
    case "late":
      return (
        <Progress title="We are checking with the bank">
          This takes longer than usual. You can stay here or come back later: your card is charged once at most, and
          this page shows the result as soon as it is known.
        </Progress>
      );
    case "processing":
      return <Processing state={state} />;
    case "action":
      return <Action checkout={checkout} state={state} publishableKey={settings.publishableKey} />;
    default:
      return (
        <>
          <h1>Pay</h1>
          <Problem state={state} view={view} />
          <Method {...props} />
        </>
      );
  }
}

function Method({ checkout, state, view, settings, isChanging }: Props) {
  const due = state.order?.amountDue.formatted ?? "";
  if (settings.publishableKey !== null) {
    return (
      <Suspense fallback={<Progress title="Loading the card form" />}>
        <Element checkout={checkout} state={state} due={due} publishableKey={settings.publishableKey} />
      </Suspense>
    );
  }
  if (!settings.testCards) {
    return <p>Set STRIPE_PUBLISHABLE_KEY, and Stripe's card form stands here.</p>;
  }
  const open = state.payment?.allowedActions.includes("CONFIRM") ? state.payment : null;
  return (
    <Cards
      due={due}
      saved={checkout.saved}
      isSending={view === "sending"}
      isChanging={isChanging}
      sent={state.sent}
      wasKept={open && open.setupFutureUsage !== null}
      onPay={(method) => void checkout.pay(method)}
    />
  );
}

/** Why the last attempt failed, in words for the buyer; it takes the focus, since it changes what they do next. */
function Problem({ state, view }: Pick<Props, "state" | "view">) {
  const place = useRef<HTMLDivElement>(null);
  const error = view === "declined" ? state.payment?.lastError : null;
  const declined = error && ("customerMessage" in error ? error.customerMessage : DECLINED);
  const text = state.refusal ?? declined;
  useEffect(() => {
    if (text) place.current?.focus();
  }, [text]);
  if (!text || view === "sending") return null;
  return (
    <div className="problem" role="alert" tabIndex={-1} ref={place}>
      <strong>{state.refusal ? "Please look again" : "Declined. Nothing was charged."}</strong>
      <span>{text}</span>
    </div>
  );
}

/** A method that takes days: its money is on the way, which is neither paid nor a fault. */
function Processing({ state: { order, payment } }: Pick<Props, "state">) {
  const method = payment?.paymentMethod;
  const from = method?.__typename === "BankAccountSnapshot" ? ` from your account ending in ${method.last4}` : "";
  return (
    <Headline title="Your payment is on its way" tone="ask">
      <p>
        We have asked your bank for {order?.amountDue.formatted}
        {from}. This takes some days, and the order is paid once the money is here. You need not wait, nor pay again.
      </p>
    </Headline>
  );
}

function Receipt({ state: { order, payment } }: Pick<Props, "state">) {
  const status = order?.paymentStatus ?? "PAID";
  const method = payment?.paymentMethod;
  const title = TITLES[status] ?? "Paid. Thank you!";
  return (
    <Headline title={title} tone="good">
      <dl className="receipt" data-testid="receipt">
        <div>
          <dt>{status === "AUTHORIZED" ? "Reserved" : "Amount paid"}</dt>
          <dd>{status === "AUTHORIZED" ? order?.total.formatted : order?.amountPaid.formatted}</dd>
        </div>
        {order && order.amountRefunded.amount > 0 && (
          <div>
            <dt>Given back</dt>
            <dd>{order.amountRefunded.formatted}</dd>
          </div>
        )}
        {method?.__typename === "CardSnapshot" && (
          <div>
            <dt>Card</dt>
            <dd>
              <span className="brand">{method.brand}</span> ending in {method.last4}
            </dd>
          </div>
        )}
        <div>
          <dt>Order</dt>
          <dd>{order?.externalId ?? order?.id}</dd>
        </div>
      </dl>
      <button type="button" className="quiet" onClick={startAgain}>
        Another order
      </button>
    </Headline>
  );
}

function Progress({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="state">
      <span className="spinner" aria-hidden="true" />
      <h1>{title}</h1>
      {children && <p>{children}</p>}
    </div>
  );
}

const DECLINED = "Your bank did not accept this payment.";

const TITLES: Readonly<Record<string, string>> = {
  AUTHORIZED: "Your payment is reserved",
  REFUNDED: "This order was refunded",
  DISPUTED: "The charge of this order is contested",
};

/** What a screen reader says when the view changes. */
const SPOKEN: Readonly<Record<View, string>> = {
  loading: "Loading your order.",
  missing: "The order was not found.",
  pay: "Ready to pay.",
  declined: "The payment was declined.",
  sending: "Sending your payment.",
  late: "Still checking with the bank.",
  action: "There is something for you to do.",
  checking: "Checking with the bank.",
  processing: "Your payment is on its way. It is not complete yet.",
  paid: "Payment complete.",
};
