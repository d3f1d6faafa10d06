import { useEffect, useRef, useState } from "react";
import type { SavedMethodFieldsFragment } from "../gql/graphql";
import { nameOf, type Saved } from "./saved";

interface Props {
  readonly saved: Saved;
  readonly chosen: string | null;
  readonly isSending: boolean;
  readonly onChoose: (id: string) => void;
  readonly onForget: (id: string) => void;
}

/** What the buyer keeps: to pay with, or to be forgotten once they have confirmed that. */
export function SavedList({ saved, chosen, isSending, onChoose, onForget }: Props) {
  const [asked, ask] = useState<SavedMethodFieldsFragment | null>(null);
  return (
    <>
      <Told told={saved.told} />
      {saved.methods.length > 0 && (
        <fieldset disabled={isSending}>
          <legend>Your saved methods</legend>
          {saved.methods.map((method) => {
            const isForgotten = saved.forgetting.includes(method.id);
            const name = nameOf(method);
            return (
              <div key={method.id} className="saved">
                <label className="card">
                  <input
                    type="radio"
                    name="method"
                    required
                    value={method.id}
                    checked={chosen === method.id && !isForgotten}
                    disabled={isForgotten}
                    onChange={() => onChoose(method.id)}
                  />
                  <span className="plastic" aria-hidden="true">
                    {plasticOf(method)}
                  </span>
                  <span className="card-name">
                    {name}
                    <small>
                      {method.isDefault && "Your default. "}
                      <Expiry method={method} />
                    </small>
                  </span>
                </label>
                <button
                  type="button"
                  className="forget"
                  aria-label={isForgotten ? `Forgetting ${name}` : `Forget ${name}`}
                  aria-disabled={isForgotten}
                  onClick={() => isForgotten || ask(method)}
                >
                  {isForgotten ? "Forgetting…" : "Forget"}
                </button>
              </div>
            );
          })}
        </fieldset>
      )}
      {asked && <Confirm name={nameOf(asked)} onForget={() => onForget(asked.id)} onClose={() => ask(null)} />}
    </>
  );
}

/** What became of a wish to forget; it takes the focus where the button that was clicked is gone. */
function Told({ told }: Pick<Saved, "told">) {
  const place = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (told && [document.body, null].includes(document.activeElement as HTMLElement | null)) place.current?.focus();
  }, [told]);
  return (
    <div role="status">
      {told && (
        <p className={told.isDone ? "told" : "problem"} tabIndex={-1} ref={place}>
          {told.text}
        </p>
      )}
    </div>
  );
}

interface ConfirmProps {
  readonly name: string;
  readonly onForget: () => void;
  readonly onClose: () => void;
}

/** The browser's own dialog: it keeps the focus inside, closes on Escape, and gives the focus back. */
function Confirm({ name, onForget, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="forget-title" aria-describedby="forget-text">
      <h2 id="forget-title">Forget your {name}?</h2>
      <p id="forget-text">You cannot pay with it here again unless you enter it anew. What you have paid stays paid.</p>
      <div className="choices">
        <button type="button" className="quiet" onClick={() => dialog.current?.close()}>
          Keep it
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => {
            dialog.current?.close();
            onForget();
          }}
        >
          Forget it
        </button>
      </div>
    </dialog>
  );
}

function Expiry({ method: { snapshot, expiresSoon } }: { readonly method: SavedMethodFieldsFragment }) {
  if (snapshot.__typename !== "CardSnapshot") return null;
  const { expMonth, expYear } = snapshot;
  const isOver = new Date(expYear, expMonth) <= new Date(); // a card is good until the end of its month
  return (
    <>
      {isOver ? "Expired" : "Expires"} {String(expMonth).padStart(2, "0")}/{expYear}
      {expiresSoon && !isOver && <strong className="soon">expires soon</strong>}
    </>
  );
}

function plasticOf({ snapshot }: SavedMethodFieldsFragment): string {
  if (snapshot.__typename === "BankAccountSnapshot") return "BANK";
  if (snapshot.__typename !== "CardSnapshot") return "PAY";
  return { visa: "VISA", mastercard: "MC", amex: "AMEX" }[snapshot.brand] ?? "CARD";
}
