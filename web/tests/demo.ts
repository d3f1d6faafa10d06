/** The real thing to test against: `make demo` on a free port, with a state folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROJECT = join(import.meta.dirname, "..", "..");
const START_MS = 90_000;

type Settings = Readonly<Record<string, string>>;

export interface Session {
  readonly tokens: readonly { readonly name: string; readonly token: string }[];
  readonly orders: readonly { readonly id: string; readonly externalId: string }[];
}

export interface Demo {
  readonly base: string;
  /** What it offers the explorer. */
  readonly session: Session;
  /** Ask the API as one of the demo's callers: Buyer, Support, Finance, Operations or Administrator. */
  ask<Data>(name: string, query: string, variables?: object): Promise<Data>;
  stop(): Promise<void>;
}

export async function startDemo(settings: Settings = {}): Promise<Demo> {
  const port = await freePort();
  const { stop } = await start(["demo", "--port", String(port)], "Operations to copy", settings);
  const base = `http://127.0.0.1:${port}`;
  const session = (await (await fetch(`${base}/explorer/session.json`)).json()) as Session;
  return {
    base,
    session,
    async ask<Data>(name: string, query: string, variables: object = {}): Promise<Data> {
      const token = session.tokens.find((one) => one.name === name)?.token;
      const answer = await fetch(`${base}/graphql`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await answer.json()) as { data: Data; errors?: unknown };
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    },
    stop,
  };
}

/** The offline Stripe in a process of its own, as Stripe is to a shop with a key. Its webhooks go nowhere. */
export async function startStripe(): Promise<{ readonly base: string; stop(): Promise<void> }> {
  const port = await freePort();
  const { stop } = await start(["sandbox", "--port", String(port)], "The offline Stripe answers", {});
  return { base: `http://127.0.0.1:${port}`, stop };
}

async function start(command: readonly string[], lastWords: string, settings: Settings) {
  const state = await mkdtemp(join(tmpdir(), "paygraph-web-"));
  const started = spawn(join(PROJECT, ".venv", "bin", "python"), ["-m", "cli", ...command], {
    cwd: PROJECT,
    env: { PATH: process.env["PATH"], PAYGRAPH_DIR: state, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = () => end(started, state);
  try {
    await said(started, lastWords);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

/** Resolves when the process has said these words. */
function said(started: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = "";
    const late = setTimeout(() => reject(new Error(`It did not start:\n${all}`)), START_MS);
    started.stderr?.on("data", (text: Buffer) => (all += text.toString()));
    started.stdout?.on("data", (text: Buffer) => {
      all += text.toString();
      if (!all.includes(words)) return;
      clearTimeout(late);
      resolve();
    });
    started.once("exit", () => reject(new Error(`It ended:\n${all}`)));
  });
}

async function end(started: ChildProcess, state: string): Promise<void> {
  if (started.exitCode === null) {
    const ended = new Promise((resolve) => started.once("exit", resolve));
    started.kill("SIGTERM");
    await ended;
  }
  await rm(state, { recursive: true, force: true });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
