import type { CodegenConfig } from '@graphql-codegen/cli';

/** Types of the operations in `src/app`, from the SDL that the server commits. The variable serves a trial of another SDL. */
const config: CodegenConfig = {
  schema: process.env['CRYPTWIRE_SCHEMA'] ?? '../api/schema.graphql',
  documents: 'src/app/**/*.graphql',
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        strictScalars: true,
        scalars: { Date: 'string', DateTime: 'string', Decimal: 'string', JSON: 'unknown' },
        enumsAsTypes: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
