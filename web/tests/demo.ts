/** The real thing to test against: `make demo` on a free port, with a state folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROJECT = join(import.meta.dirname, "..", "..");
const START_MS = 90_000;

export interface Demo {
  readonly base: string;
  /** Ask the API as one of the demo's callers: Buyer, Support, Finance, Operations or Administrator. */
  ask<Data>(name: string, query: string, variables?: object): Promise<Data>;
  stop(): Promise<void>;
}

export async function startDemo(settings: Readonly<Record<string, string>> = {}): Promise<Demo> {
  const state = await mkdtemp(join(tmpdir(), "paygraph-web-"));
  const port = await freePort();
  const process = spawn(join(PROJECT, ".venv", "bin", "python"), ["-m", "cli", "demo", "--port", String(port)], {
    cwd: PROJECT,
    env: { PATH: globalThis.process.env["PATH"], PAYGRAPH_DIR: state, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    await introduced(process);
  } catch (error) {
    await end(process, state);
    throw error;
  }
  const base = `http://127.0.0.1:${port}`;
  const tokens = await offered(base);
  return {
    base,
    async ask<Data>(name: string, query: string, variables: object = {}): Promise<Data> {
      const answer = await fetch(`${base}/graphql`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${tokens.get(name)}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await answer.json()) as { data: Data; errors?: unknown };
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    },
    stop: () => end(process, state),
  };
}

async function offered(base: string): Promise<Map<string, string>> {
  const session = (await (await fetch(`${base}/explorer/session.json`)).json()) as {
    tokens: { name: string; token: string }[];
  };
  return new Map(session.tokens.map(({ name, token }) => [name, token]));
}

/** Resolves when the demo has printed its last example. */
function introduced(demo: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => reject(new Error(`The demo did not start:\n${said}`)), START_MS);
    demo.stderr?.on("data", (text: Buffer) => (said += text.toString()));
    demo.stdout?.on("data", (text: Buffer) => {
      said += text.toString();
      if (!said.includes("Operations to copy")) return;
      clearTimeout(late);
      resolve();
    });
    demo.once("exit", () => reject(new Error(`The demo ended:\n${said}`)));
  });
}

async function end(demo: ChildProcess, state: string): Promise<void> {
  if (demo.exitCode === null) {
    const ended = new Promise((resolve) => demo.once("exit", resolve));
    demo.kill("SIGTERM");
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
