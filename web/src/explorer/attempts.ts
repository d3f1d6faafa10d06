/**
 * The mutations that were sent and have no final answer, each with its key and its input, written down before the first
 * byte leaves. They are in the browser's storage, which all tabs share and a reload does not empty, until they are decided.
 */
import type { Variables } from "./operation";

export interface Attempt {
  readonly key: string;
  /** The mutation and its input, in one way of writing. */
  readonly act: string;
  /** The subject whose key it is: another caller's would be another act. */
  readonly caller: string;
  /** The name of the token that it was sent with. */
  readonly as: string;
  /** The act in words. */
  readonly title: string;
  readonly sentAt: number;
  readonly query: string;
  readonly variables: Variables;
}

const PREFIX = "paygraph.explorer.";

export class Attempts {
  /** `storage` is a function since a browser may refuse to have one. */
  constructor(private readonly storage: () => Storage) {}

  /** All that are undecided, oldest first. */
  all(): Attempt[] {
    try {
      const storage = this.storage();
      return Object.keys(storage)
        .filter((name) => name.startsWith(PREFIX))
        .map((name) => read(storage.getItem(name)))
        .filter((attempt) => attempt !== null)
        .sort((one, other) => one.sentAt - other.sentAt);
    } catch {
      return [];
    }
  }

  find(act: string): Attempt | null {
    return this.all().find((attempt) => attempt.act === act) ?? null;
  }

  /** Raises what the storage raises when it does not take it. */
  keep(attempt: Attempt): void {
    this.storage().setItem(PREFIX + attempt.key, JSON.stringify(attempt));
  }

  forget(key: string): void {
    this.storage().removeItem(PREFIX + key);
  }
}

function read(text: string | null): Attempt | null {
  try {
    const kept = JSON.parse(text ?? "null") as Partial<Attempt> | null;
    const texts = [kept?.key, kept?.act, kept?.caller, kept?.as, kept?.title, kept?.query];
    const isWhole = texts.every((one) => typeof one === "string") && typeof kept?.sentAt === "number";
    return isWhole && typeof kept.variables === "object" ? (kept as Attempt) : null;
  } catch {
    return null;
  }
}
