/** A map from text to text that outlives the program. `set` is done when the value is safe. React Native's
 * AsyncStorage needs an adapter of three lines; the keychain of a phone as many. */
export interface Storage {
  get(name: string): string | null | Promise<string | null>
  set(name: string, value: string): void | Promise<void>
  remove(name: string): void | Promise<void>
}

/** Forgets everything with the page or process: for tests, and for callers that keep the attempt elsewhere. */
export class MemoryStorage implements Storage {
  readonly #values = new Map<string, string>()

  get(name: string): string | null {
    return this.#values.get(name) ?? null
  }

  set(name: string, value: string): void {
    this.#values.set(name, value)
  }

  remove(name: string): void {
    this.#values.delete(name)
  }
}

/** localStorage, which survives a reload and a crash of the browser. */
export function browserStorage(prefix = 'paygraph:', values = globalThis.localStorage): Storage {
  return {
    get: (name) => values.getItem(prefix + name),
    set: (name, value) => values.setItem(prefix + name, value),
    remove: (name) => values.removeItem(prefix + name),
  }
}
