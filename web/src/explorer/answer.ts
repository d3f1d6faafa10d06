/** What an answer says about the act that was asked for. */
import { FINALITY } from "./operation";

/** An answer over HTTP; null for none at all. A body that is no JSON object is undefined. */
export type Answer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds: number | null;
} | null;

/**
 * - decided: this is what became of the act. `reason` is why it was refused, if it was.
 * - refused: the request was, before the act began. An earlier send of the same key is still undecided.
 * - undecided: nobody knows yet; the same act is sent again with its key.
 */
export type Verdict =
  | { readonly kind: "decided"; readonly reason: string | null }
  | { readonly kind: "refused" | "undecided"; readonly reason: string };

interface Problem {
  readonly message?: unknown;
  readonly extensions?: { readonly code?: unknown; readonly retryable?: unknown };
}

interface Payload {
  readonly [FINALITY.errors]?: readonly { readonly message: string; readonly retryable: boolean }[];
  readonly [FINALITY.operation]?: { readonly state: string } | null;
}

const NOT_OURS = 400;
const TOO_MANY = 429;
const FAILED = 500;
const OPEN_STATES = new Set(["IN_PROGRESS", "UNRESOLVED", "NEEDS_REVIEW"]);

export function judge(answer: Answer, responseName: string): Verdict {
  if (answer === null) return { kind: "undecided", reason: "No answer came." };
  const { status, body } = answer;
  const errors = (Array.isArray(body?.["errors"]) ? body["errors"] : []) as readonly Problem[];
  const reason = reasonOf(answer, errors);
  if (status >= FAILED || status === TOO_MANY || errors.some(isOpen)) return { kind: "undecided", reason };
  if (body === undefined) return { kind: status >= NOT_OURS ? "refused" : "undecided", reason };
  const payload = (body["data"] as Record<string, Payload | null> | null | undefined)?.[responseName];
  if (!payload) return { kind: errors.length > 0 ? "refused" : "undecided", reason };
  return judgePayload(payload);
}

function judgePayload(payload: Payload): Verdict {
  const refusals = payload[FINALITY.errors] ?? [];
  const operation = payload[FINALITY.operation];
  const reason = refusals[0]?.message ?? null;
  if (refusals.some(({ retryable }) => retryable) || OPEN_STATES.has(operation?.state ?? "")) {
    return { kind: "undecided", reason: reason ?? "It is not decided yet." };
  }
  if (reason !== null && operation === null) return { kind: "refused", reason };
  return { kind: "decided", reason };
}

/** Worth another try with the same key. */
function isOpen({ extensions }: Problem): boolean {
  return extensions?.retryable === true || extensions?.code === "INTERNAL_SERVER_ERROR";
}

function reasonOf({ status, retryAfterSeconds }: NonNullable<Answer>, errors: readonly Problem[]): string {
  const message = errors.map((one) => one.message).find((text) => typeof text === "string");
  const wait = retryAfterSeconds === null ? "" : ` The server asks to wait for ${retryAfterSeconds} s.`;
  return (message ?? `The answer was HTTP ${status}, and none of Paygraph's.`) + wait;
}

/** The body as its user asked for it. */
export function withoutFinalityFields(body: Readonly<Record<string, unknown>>, responseName: string): Record<string, unknown> {
  const data = body["data"] as Record<string, unknown> | null | undefined;
  const payload = data?.[responseName];
  if (!data || !payload) return { ...body };
  const { [FINALITY.errors]: _, [FINALITY.operation]: __, ...asked } = payload as Record<string, unknown>;
  return { ...body, data: { ...data, [responseName]: asked } };
}
