import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { Kind, parse } from "graphql";
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Attempt } from "./attempts";
import type { Question, Session } from "./session";

interface Props {
  readonly session: Session;
}

/** What became of the last click, what has no final answer yet, and the question before real money moves. */
export function Notices({ session }: Props) {
  const { notice, undecided, question } = useSyncExternalStore(session.listen, session.read);
  useEffect(() => {
    addEventListener("storage", session.refresh);
    return () => removeEventListener("storage", session.refresh);
  }, [session]);
  return (
    <>
      <div className="notice" role="status" aria-live="polite">
        {notice && <p className={notice.tone}>{notice.text}</p>}
      </div>
      {undecided.length > 0 && (
        <section className="undecided" aria-label="No final answer yet">
          {undecided.map((attempt) => (
            <Undecided key={attempt.key} session={session} attempt={attempt} />
          ))}
        </section>
      )}
      {question && <Approval question={question} />}
    </>
  );
}

/** An act without a final answer: it can be opened, to be sent again with its key, or be forgotten. */
function Undecided({ session, attempt }: Props & { readonly attempt: Attempt }) {
  const { addTab, setOperationFacts } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  const forgetting = useRef<HTMLDialogElement>(null);
  const isReady = queryEditor !== undefined && variableEditor !== undefined;
  const open = () => {
    session.openNextAs(attempt);
    addTab();
    queryEditor?.setValue(attempt.query);
    variableEditor?.setValue(JSON.stringify(attempt.variables, null, 2));
    const documentAST = parse(attempt.query);
    const operations = documentAST.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    // GraphiQL would learn of it a moment later, and a quick click would send the operation of the tab before.
    setOperationFacts({ documentAST, operations, ...(operations[0]?.name && { operationName: operations[0].name.value }) });
  };
  return (
    <div className="attempt">
      <p>
        <strong>No final answer yet:</strong> {attempt.title}. {attempt.as} sent it at{" "}
        {new Date(attempt.sentAt).toLocaleTimeString()}; sent again, it keeps its key.
      </p>
      <button type="button" disabled={!isReady} onClick={open}>
        Open it
      </button>
      <button type="button" onClick={() => forgetting.current?.showModal()}>
        Forget it…
      </button>
      <dialog ref={forgetting} aria-label="Forget the key?">
        <h2>Forget the key?</h2>
        <p>
          {attempt.title}: it may have happened. Once its key is forgotten, sending it again may do it a second time.
        </p>
        <div className="choices">
          <button type="button" autoFocus onClick={() => forgetting.current?.close()}>
            Keep it
          </button>
          <button type="button" className="danger" onClick={() => session.forget(attempt)}>
            Forget it
          </button>
        </div>
      </dialog>
    </div>
  );
}

/** The question in live mode. Escape, and the button that has the focus, send nothing. */
function Approval({ question }: { readonly question: Question }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-label="Move real money?" onClose={() => question.answer(false)}>
      <h2>Move real money?</h2>
      <p>{question.title}.</p>
      <div className="choices">
        <button type="button" autoFocus onClick={() => question.answer(false)}>
          Do not send
        </button>
        <button type="button" className="danger" onClick={() => question.answer(true)}>
          Send it
        </button>
      </div>
    </dialog>
  );
}
