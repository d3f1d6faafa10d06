import { Elements, PaymentElement, useElements, useStripe } from "@stripe/react-stripe-js";
import type { Stripe } from "@stripe/stripe-js";
import { loadStripe } from "@stripe/stripe-js/pure";
import { useEffect, useRef, useState } from "react";
import type { Checkout, State } from "./checkout";

interface Props {
  readonly checkout: Checkout;
  readonly state: State;
  readonly due: string;
  readonly publishableKey: string;
}

/** Stripe's Payment Element. The card goes from the buyer's browser to Stripe; the shop never sees it. */
export default function Element({ checkout, state, due, publishableKey }: Props) {
  const [stripe, load] = useState<Stripe | "unreachable" | null>(null);
  const clientSecret = state.confirmation?.clientSecret;
  const paymentId = state.payment?.id;
  // A payment has one secret. News of it must not take away the form, into which the buyer may have typed.
  const [form, open] = useState<{ readonly paymentId: string; readonly clientSecret: string } | null>(null);
  const isOpen = state.payment !== null && state.payment.status !== "CANCELED";
  useEffect(() => {
    loadStripe(publishableKey).then(load, () => load("unreachable"));
  }, [publishableKey]);
  useEffect(() => {
    if (!isOpen) void checkout.pay(null);
    else if (clientSecret === undefined) void checkout.load();
  }, [checkout, isOpen, clientSecret]);
  useEffect(() => {
    if (clientSecret && paymentId && form?.paymentId !== paymentId) open({ paymentId, clientSecret });
  }, [clientSecret, paymentId, form]);
  if (stripe === "unreachable") {
    return (
      <div className="problem" role="alert">
        <strong>The card form could not be loaded</strong>
        <span>Nothing was charged. Please check your connection and load this page again.</span>
      </div>
    );
  }
  if (form === null || form.paymentId !== paymentId || stripe === null) {
    return <span className="spinner" role="img" aria-label="Loading the card form" />;
  }
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return (
    <Elements stripe={stripe} options={{ clientSecret: form.clientSecret, appearance: { theme: isDark ? "night" : "stripe" } }}>
      <Confirm checkout={checkout} due={due} amount={state.order?.amountDue.amount ?? 0} />
    </Elements>
  );
}

/**
 * The client secret names one payment, so a second confirmation cannot charge a second time.
 *
 * Stripe charges what the payment asks for at that moment, so its form learns every new amount, and the amount is asked
 * for once more before it confirms: one that the buyer has not seen is shown, and not paid.
 */
function Confirm({ checkout, due, amount }: Pick<Props, "checkout" | "due"> & { readonly amount: number }) {
  const stripe = useStripe();
  const elements = useElements();
  const [isSending, send] = useState(false);
  const [problem, tell] = useState<string | null>(null);
  const shown = useRef(amount);
  useEffect(() => {
    if (shown.current === amount) return;
    shown.current = amount;
    void elements?.fetchUpdates();
  }, [elements, amount]);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (stripe === null || elements === null || isSending) return;
        send(true);
        tell(null);
        const isKnown = await checkout.load(0);
        if (!isKnown || checkout.state.order?.amountDue.amount !== amount) {
          if (!isKnown) tell(FAILED);
          return send(false); // of another amount the page tells
        }
        const confirmParams = { return_url: location.href };
        const { error } = await stripe.confirmPayment({ elements, confirmParams, redirect: "if_required" });
        await checkout.load(0);
        tell(error && error.type !== "card_error" ? (error.message ?? FAILED) : null); // the page tells of a decline
        send(false);
      }}
    >
      <PaymentElement />
      {problem && (
        <div className="problem" role="alert">
          {problem}
        </div>
      )}
      <button type="submit" aria-disabled={isSending || stripe === null} aria-busy={isSending}>
        {isSending ? "Paying…" : `Pay ${due}`}
      </button>
    </form>
  );
}

const FAILED = "This did not work. Please try again.";
