import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../schema/schema.graphql",
  documents: ["src/checkout/*.{ts,tsx}"],
  ignoreNoDocuments: false,
  silent: true,
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" }, fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        strictScalars: true,
        useTypeImports: true,
        scalars: {
          CurrencyCode: "string",
          DateTime: "string",
          IdempotencyKey: "string",
          JSON: "unknown",
          Metadata: "Record<string, string>",
          MinorUnits: "number",
        },
      },
    },
  },
};

export default config;
