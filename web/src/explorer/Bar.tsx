import { pick, useGraphiQL } from "@graphiql/react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Session } from "./session";

interface Props {
  readonly session: Session;
  readonly livemode: boolean;
}

/** Above the editor: whether money is real, who asks, and what becomes of idempotency keys. */
export function Bar({ session, livemode }: Props) {
  const { tokens, chosen, replays } = useSyncExternalStore(session.listen, session.read);
  const adding = useRef<HTMLDialogElement>(null);
  useEditor(session);
  return (
    <div className="bar">
      <a className="name" href="/">
        Paygraph
      </a>
      {livemode ? (
        <strong className="mode live">LIVE · real money moves</strong>
      ) : (
        <strong className="mode">TEST · no real money</strong>
      )}
      <div className="keys" role="group" aria-label="Idempotency keys of mutations">
        <span className="segments">
          <button type="button" aria-pressed={!replays} onClick={() => session.replay(false)}>
            New key each send
          </button>
          <button type="button" aria-pressed={replays} onClick={() => session.replay(true)}>
            Replay
          </button>
        </span>
      </div>
      <label className="token">
        <span>Ask as</span>
        <select value={chosen ?? ""} onChange={(event) => session.choose(event.target.value || null)}>
          <option value="">Nobody</option>
          {tokens.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button type="button" className="plain" onClick={() => adding.current?.showModal()}>
        Add token
      </button>
      <dialog ref={adding} aria-labelledby="adding">
        <form
          method="dialog"
          onSubmit={(event) => {
            const form = event.currentTarget;
            const [name, token] = ["name", "token"].map((field) => String(new FormData(form).get(field)).trim());
            if (name && token) session.add({ name, token: token.replace(/^Bearer\s+/i, "") });
            form.reset();
          }}
        >
          <h2 id="adding">Add a token</h2>
          <p>It is kept in this page's memory alone, and forgotten when you leave.</p>
          <label>
            Name <input name="name" required autoComplete="off" />
          </label>
          <label>
            Bearer token <input name="token" type="password" required autoComplete="off" />
          </label>
          <div className="choices">
            <button type="button" className="plain" onClick={() => adding.current?.close()}>
              Cancel
            </button>
            <button type="submit">Add</button>
          </div>
        </form>
      </dialog>
    </div>
  );
}

/** Ties the session to the open tab and its editor. */
function useEditor(session: Session): void {
  const { tabs, activeTabIndex, variableEditor } = useGraphiQL(pick("tabs", "activeTabIndex", "variableEditor"));
  const tab = tabs[activeTabIndex];
  useEffect(() => {
    if (tab) session.open(tab.id, tab.title);
  }, [session, tab?.id]);
  useEffect(() => {
    session.showVariables = (variables) => variableEditor?.setValue(JSON.stringify(variables, null, 2));
  }, [session, variableEditor]);
}
