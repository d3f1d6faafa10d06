import { useState, useSyncExternalStore } from "react";
import type { Attempt } from "./attempt";
import type { Method } from "./checkout";
import { SavedList } from "./SavedList";
import type { SavedMethods } from "./saved";

interface Props {
  readonly due: string;
  readonly saved: SavedMethods;
  readonly isSending: boolean;
  /** The amount is about to change: the buyer pays once they have seen it. */
  readonly isChanging: boolean;
  /** What is on its way, also since before a reload: it is shown as chosen. */
  readonly sent: Attempt | null;
  /** What the buyer said when this payment was made, which is tried again as it is; null where none is open. */
  readonly wasKept: boolean | null;
  readonly onPay: (method: Method) => void;
}

/** Stripe's test methods by their names. docs.stripe.com/testing */
const METHODS = [
  { id: "pm_card_visa", kind: "card", name: "Visa", last4: "4242", what: "Is accepted" },
  { id: "pm_card_visa_chargeDeclined", kind: "card", name: "Visa", last4: "0002", what: "Is declined" },
  { id: "pm_card_threeDSecure2Required", kind: "card", name: "Visa", last4: "3220", what: "The bank asks first (3D Secure)" },
  { id: "pm_usBankAccount_success", kind: "account", name: "Bank account", last4: "6789", what: "Takes some days" },
] as const;

/** A choice of what the buyer keeps and of test methods; no card number is ever typed here. */
export function Cards({ due, saved, isSending, isChanging, sent, wasKept, onPay }: Props) {
  const kept = useSyncExternalStore(saved.listen, saved.read);
  // A choice that goes from the list takes nobody else's place: then nothing is chosen.
  const [choice, choose] = useState<string>(kept.methods[0]?.id ?? METHODS[0].id);
  const [isKept, keep] = useState(false);
  const isBusy = isSending || isChanging;
  const chosen = methodOf(sent) ?? choice;
  const usable = kept.methods.filter(({ id }) => !kept.forgetting.includes(id));
  const test = METHODS.find(({ id }) => id === chosen);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanging) return;
        if (test) onPay({ paymentMethodId: test.id, isKept });
        else if (usable.some(({ id }) => id === chosen)) onPay({ savedPaymentMethodId: chosen });
      }}
    >
      <SavedList
        saved={kept}
        chosen={chosen}
        isSending={isSending}
        onChoose={choose}
        onForget={(id) => void saved.forget(id)}
      />
      <fieldset disabled={isSending}>
        <legend>{kept.methods.length > 0 ? "Or a test method" : "Choose a test method"}</legend>
        {METHODS.map((method) => (
          <label key={method.id} className="card">
            <input
              type="radio"
              name="method"
              required
              value={method.id}
              checked={test === method}
              onChange={() => choose(method.id)}
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
        {test && (
          <label className="keep">
            <input
              type="checkbox"
              checked={wasKept ?? isKept}
              disabled={wasKept !== null}
              onChange={(event) => keep(event.target.checked)}
            />
            <span>
              Keep this {test.kind} for later
              <small>{wasKept === null ? "For your next orders here." : AS_BEGUN}</small>
            </span>
          </label>
        )}
      </fieldset>
      <button type="submit" aria-disabled={isBusy} aria-busy={isBusy}>
        {isBusy && <span className="spinner small" aria-hidden="true" />}
        {isSending ? "Paying…" : isChanging ? "Changing the amount…" : `Pay ${due}`}
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

function methodOf(attempt: Attempt | null): string | null {
  if (attempt === null || attempt.act === "give-up") return null;
  return attempt.savedPaymentMethodId ?? attempt.paymentMethodId;
}

const AS_BEGUN = "As you chose when you began to pay.";
