import { loadStripe } from "@stripe/stripe-js/pure";
import { useState } from "react";
import type { Checkout, State } from "./checkout";
import { Headline } from "./Headline";

interface Props {
  readonly checkout: Checkout;
  readonly state: State;
  readonly publishableKey: string | null;
}

type NextAction = NonNullable<NonNullable<State["confirmation"]>["nextAction"]>;

interface Words {
  readonly title: string;
  readonly text: string;
  readonly goOn: string;
}

/** What the payer has to do next: on a page of their bank's or of Stripe's, in Stripe.js, or with what only Stripe shows. */
export function Action({ checkout, state, publishableKey }: Props) {
  const [isBusy, busy] = useState(false);
  const [problem, tell] = useState<string | null>(null);
  const action = state.confirmation?.nextAction;
  const { title, text, goOn } = wordsOf(action?.type);
  const isKnown = state.confirmation !== undefined;
  const canGoOn = !isKnown || Boolean(action?.redirectUrl) || publishableKey !== null;
  const start = async () => {
    busy(true);
    tell(null);
    tell(await goOnWith(checkout, publishableKey));
    busy(false);
  };
  return (
    <Headline title={title} tone="ask">
      <p>{text}</p>
      {action && <Instructions action={action} />}
      {!canGoOn && (
        <p>
          This page cannot show you the details; the shop can. Once it is done, the result appears here by itself.
        </p>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {canGoOn && (
        <button type="button" aria-disabled={isBusy} aria-busy={isBusy} onClick={() => void (isBusy || start())}>
          {goOn}
        </button>
      )}
      <button type="button" className="quiet" onClick={() => void checkout.giveUp()}>
        Pay in another way instead
      </button>
    </Headline>
  );
}

/** What the payer pays by, for who comes back days later: never kept by this page, and asked for anew. */
function Instructions({ action }: { readonly action: NextAction }) {
  const { voucher, code, bankTransfer, amountRemaining, expiresAt } = action;
  const account = bankTransfer?.accounts[0];
  const until = expiresAt && new Date(expiresAt).toLocaleString(navigator.language, { dateStyle: "long", timeStyle: "short" });
  const lines: readonly (readonly [string, string | null | undefined])[] = [
    ["Still to send", amountRemaining?.formatted],
    ["Number", voucher?.number],
    ["Entity", voucher?.entity],
    ["Reference", voucher?.reference ?? bankTransfer?.reference],
    ["Code to copy", code?.data],
    ["Account holder", account?.accountHolderName],
    ["IBAN", account?.iban],
    ["BIC", account?.bic],
    ["Account number", account?.accountNumber],
    ["Routing number", account?.routingNumber],
    ["Sort code", account?.sortCode],
    ["Pay before", until],
  ];
  const known = lines.filter(([, value]) => value);
  if (known.length === 0) return null;
  return (
    <dl className="receipt" data-testid="instructions">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Lead the payer to the page that is to be visited, or let Stripe.js show what is to be done; a sentence when neither works. */
async function goOnWith(checkout: Checkout, publishableKey: string | null): Promise<string | null> {
  const confirmation = await checkout.confirmation();
  if (confirmation === undefined) return "The page cannot be found at the moment. Please try again.";
  if (confirmation?.nextAction?.redirectUrl) {
    location.assign(confirmation.nextAction.redirectUrl);
    return null;
  }
  if (!confirmation?.clientSecret || publishableKey === null) {
    await checkout.load(0); // which tells what is to be done by now
    return null;
  }
  const stripe = await loadStripe(publishableKey).catch(() => null);
  if (stripe === null) return "The page cannot be loaded. Please check your connection and try again.";
  const { error } = await stripe.handleNextAction({ clientSecret: confirmation.clientSecret });
  await checkout.load(0);
  return error && error.type !== "card_error" ? "This did not work. Please try again." : null;
}

function wordsOf(type: string | undefined): Words {
  if (type?.includes("qr_code")) return SCAN;
  if (type?.endsWith("_display_details")) return VOUCHER;
  return WORDS[type ?? ""] ?? CONFIRM;
}

const CONFIRM: Words = {
  title: "Your bank asks you to confirm",
  text: "Nothing is charged before you do. Afterwards you come back here.",
  goOn: "Continue to your bank",
};
const SCAN: Words = {
  title: "Scan the code with your payment app",
  text: "Nothing is charged before you confirm it in the app.",
  goOn: "Show the code",
};
const VOUCHER: Words = {
  title: "Pay your voucher",
  text: "The order is paid when the voucher is. You can close this page: it shows the voucher again whenever you come back.",
  goOn: "Show the voucher",
};
/** By Stripe's words. docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action */
const WORDS: Readonly<Record<string, Words>> = {
  display_bank_transfer_instructions: {
    title: "Send the money by bank transfer",
    text: "The order is paid as soon as your transfer has arrived.",
    goOn: "Show the account to pay to",
  },
  verify_with_microdeposits: {
    title: "Confirm your bank account",
    text: "Stripe sends a small deposit to your account. When it has arrived, say what you see on your statement.",
    goOn: "I have the statement",
  },
};
