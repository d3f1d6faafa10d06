import { type ReactNode, useSyncExternalStore } from "react";
import type { Checkout } from "./checkout";
import { viewOf } from "./checkout";
import { Order } from "./Order";
import { Panel } from "./Panel";
import type { Settings } from "./shop";

interface Props {
  readonly checkout: Checkout;
  readonly settings: Settings;
}

/** The order on one side, its payment on the other. */
export function App({ checkout, settings }: Props) {
  const state = useSyncExternalStore(checkout.listen, checkout.read);
  const { deliveries } = checkout;
  const change = useSyncExternalStore(deliveries.listen, deliveries.read);
  const view = viewOf(state);
  const { visit } = deliveries;
  return (
    <div className="page">
      <header>
        <span className="shop">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M5 4h11l3 3v13H5z M9 9h6 M9 13h6" />
          </svg>
          Paper &amp; Ink
        </span>
        {settings.livemode ? <span className="mode live">LIVE</span> : <span className="mode">TEST</span>}
      </header>
      <main data-view={view}>
        <Order
          order={state.order}
          basket={visit.basket}
          deliveries={visit.deliveries}
          change={change}
          isOpen={view === "pay" || view === "declined"}
          onDeliver={(name) => void checkout.deliver(name)}
        />
        <Panel checkout={checkout} state={state} view={view} settings={settings} isChanging={change.to !== null} />
      </main>
      <footer>
        <span className={state.live ? "live-dot on" : "live-dot"} aria-hidden="true" />
        {state.live ? "Status is live" : "Connecting for live status…"}
      </footer>
    </div>
  );
}

interface NoticeProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** A page that has nothing to pay. */
export function Notice({ title, children, action }: NoticeProps) {
  return (
    <div className="page">
      <main className="notice">
        <section className="panel" role="alert">
          <h1>{title}</h1>
          <p>{children}</p>
          {action && (
            <button type="button" onClick={action.run}>
              {action.label}
            </button>
          )}
        </section>
      </main>
    </div>
  );
}
