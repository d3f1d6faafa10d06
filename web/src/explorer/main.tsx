import "graphiql/setup-workers/vite";
import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from "@graphiql/plugin-doc-explorer";
import { GraphiQLProvider } from "@graphiql/react";
import type { Storage } from "@graphiql/toolkit";
import { GraphiQLInterface } from "graphiql";
import { buildSchema } from "graphql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import { Bar } from "./Bar";
import { Notices } from "./Notices";
import { readSchema } from "./schema";
import { Session, type Welcome } from "./session";
import "./style.css";
import { roleTabs } from "./tabs";

/** GraphiQL leaves nothing behind in the browser: variables hold customers' data. What has no answer yet, attempts.ts keeps. */
function forgetful(): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
  };
}

async function open(): Promise<void> {
  const place = document.getElementById("root") as HTMLElement;
  const [sdl, welcome] = await Promise.all([
    readSchema(place),
    fetch("/explorer/session.json").then((answer) => answer.json() as Promise<Welcome>),
  ]);
  const schema = buildSchema(sdl);
  const session = new Session(welcome, schema);
  const tabs = roleTabs(welcome.orders).map(({ query, variables }) => ({
    query,
    variables: JSON.stringify(variables, null, 2),
  }));
  createRoot(place).render(
    <GraphiQLProvider
      fetcher={session.fetcher}
      schema={schema}
      defaultTabs={tabs}
      initialVariables={tabs[0]?.variables ?? ""}
      storage={forgetful()}
      shouldPersistHeaders={false}
      plugins={[DOC_EXPLORER_PLUGIN]}
      referencePlugin={DOC_EXPLORER_PLUGIN}
    >
      <DocExplorerStore>
        <Bar session={session} livemode={welcome.livemode} />
        <Notices session={session} />
        <GraphiQLInterface
          isHeadersEditorEnabled={false}
          showPersistHeadersSettings={false}
          defaultEditorToolsVisibility="variables"
        />
      </DocExplorerStore>
    </GraphiQLProvider>,
  );
}

void open();
