// graphql-eslint's own rules for schemas, on the printed schema. What is loosened says why.
import graphql from '@graphql-eslint/eslint-plugin'

// Values, not things.
const withoutIds = [
  'AccountToPay', 'Actor', 'BankTransfer', 'LineItem', 'Microdeposits', 'Money', 'NextAction', 'OperationReview', 'PageInfo',
  'PaymentCode', 'PaymentConfirmation', 'SetupConfirmation', 'Shipping', 'SystemIntegrity', 'Viewer', 'Voucher', 'VoucherStore',
]

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: '../../schema/schema.graphql' } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/strict-id-in-types': [
        'error',
        { exceptions: { types: withoutIds, suffixes: ['Connection', 'Edge', 'Error', 'Payload', 'Snapshot'] } },
      ],
      '@graphql-eslint/no-typename-prefix': 'off', // a payment's `paymentMethod` is Stripe's word for it
      // Relay wants edges in connections; short closed lists, such as a refusal's errors, are lists.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, listTypeCanWrapOnlyEdgeType: false }],
    },
  },
]
