import { useState } from "react";

interface Props {
  readonly due: string;
  readonly isSending: boolean;
  /** What the buyer said when this payment was made, which is tried again as it is; null where none is open. */
  readonly wasKept: boolean | null;
  readonly onPay: (paymentMethodId: string, isKept: boolean) => void;
}

/** Stripe's test methods by their names. docs.stripe.com/testing */
const METHODS = [
  { id: "pm_card_visa", kind: "card", name: "Visa", last4: "4242", what: "Is accepted" },
  { id: "pm_card_visa_chargeDeclined", kind: "card", name: "Visa", last4: "0002", what: "Is declined" },
  { id: "pm_card_threeDSecure2Required", kind: "card", name: "Visa", last4: "3220", what: "The bank asks first (3D Secure)" },
  { id: "pm_usBankAccount_success", kind: "account", name: "Bank account", last4: "6789", what: "Takes some days" },
] as const;

/** A choice of test methods; no card number is ever typed here. */
export function Cards({ due, isSending, wasKept, onPay }: Props) {
  const [chosen, choose] = useState<(typeof METHODS)[number]>(METHODS[0]);
  const [isKept, keep] = useState(false);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onPay(chosen.id, isKept);
      }}
    >
      <fieldset disabled={isSending}>
        <legend>Choose a test method</legend>
        {METHODS.map((method) => (
          <label key={method.id} className="card">
            <input
              type="radio"
              name="card"
              value={method.id}
              checked={chosen === method}
              onChange={() => choose(method)}
            />
            <span className="plastic" aria-hidden="true">
              {method.kind === "card" ? "VISA" : "BANK"}
            </span>
            <span className="card-name">
              {method.name} ending in {method.last4}
              <small>{method.what}</small>
            </span>
          </label>
        ))}
        <label className="keep">
          <input
            type="checkbox"
            checked={wasKept ?? isKept}
            disabled={wasKept !== null}
            onChange={(event) => keep(event.target.checked)}
          />
          <span>
            Keep this {chosen.kind} for later
            <small>{wasKept === null ? "For your next orders here." : AS_BEGUN}</small>
          </span>
        </label>
      </fieldset>
      <button type="submit" aria-disabled={isSending} aria-busy={isSending}>
        {isSending && <span className="spinner small" aria-hidden="true" />}
        {isSending ? "Paying…" : `Pay ${due}`}
      </button>
      <p className="promise">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M7 11V8a5 5 0 0 1 10 0v3 M5 11h14v9H5z" />
        </svg>
        You are charged once, whatever happens.
      </p>
    </form>
  );
}

const AS_BEGUN = "As you chose when you began to pay.";
