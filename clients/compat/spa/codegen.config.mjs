// graphql-codegen: typed documents, and a manifest of them for TRUSTED_DOCUMENTS.
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset'

export default {
  schema: '../../schema/schema.graphql',
  documents: ['spa/operations.graphql'],
  generates: {
    'spa/generated/': {
      preset: 'client',
      // The server runs the manifest's text, not the page's: a cache misses every __typename that is not written into it here.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        useTypeImports: true,
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
