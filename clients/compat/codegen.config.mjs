// graphql-codegen: typed operations with their documents stored, as a client of trusted documents uses them.
export default {
  schema: '../../schema/schema.graphql',
  documents: ['typed/client.ts'],
  generates: {
    'typed/generated/': {
      preset: 'client',
      presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        strictScalars: true,
        useTypeImports: true,
        nonOptionalTypename: true,
        scalars: {
          CurrencyCode: 'string',
          DateTime: 'string',
          IdempotencyKey: 'string',
          JSON: 'unknown',
          Metadata: 'Record<string, string>',
          MinorUnits: 'number',
        },
      },
    },
  },
}
