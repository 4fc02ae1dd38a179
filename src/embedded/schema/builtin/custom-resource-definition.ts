/** Source: apiextensions.k8s.io/v1 CustomResourceDefinition. */
import { flag, integer, list, object, open, text, textList } from './build.ts';
import { conditions } from './common.ts';

const names = (description: string) =>
  object(
    description,
    {
      plural: text('As in URLs: lower case.'),
      singular: text('One object, lower case.'),
      kind: text('The kind, in CamelCase.'),
      listKind: text('The kind of lists.'),
      shortNames: textList('Abbreviations that clients take.'),
      categories: textList('Groups of kinds that it is part of, such as all.'),
    },
    ['plural', 'kind'],
  );

const column = object(
  'A column of kubectl get.',
  {
    name: text('Heading.'),
    type: text('string, integer, number, boolean or date.'),
    jsonPath: text('Where the value is, such as .status.phase.'),
    description: text('What it shows.'),
    format: text('Format of the type.'),
    priority: integer('Above 0: only with -o wide.'),
  },
  ['name', 'type', 'jsonPath'],
);

const version = object(
  'A version of the kind.',
  {
    name: text('v1, v1beta1, ...'),
    served: flag('Is it offered?'),
    storage: flag('Is it the form in which objects are stored? Exactly one is.'),
    deprecated: flag('Warn those who use it?'),
    deprecationWarning: text('The warning.'),
    schema: object('Which objects are valid.', {
      openAPIV3Schema: open('A structural OpenAPI v3 schema.'),
    }),
    subresources: object('Parts with URLs of their own.', {
      status: open('Is status written apart from the rest?'),
      scale: object(
        'Where the number of replicas is.',
        {
          specReplicasPath: text('The wanted number.'),
          statusReplicasPath: text('The number there is.'),
          labelSelectorPath: text('The selector of what is counted.'),
        },
        ['specReplicasPath', 'statusReplicasPath'],
      ),
    }),
    additionalPrinterColumns: list('Columns of kubectl get, besides the name.', column),
    selectableFields: list(
      'Fields that field selectors may name.',
      object('A field.', { jsonPath: text('Where it is.') }, ['jsonPath']),
    ),
  },
  ['name', 'served', 'storage'],
);

const conversion = object(
  'How objects get from one version to another.',
  {
    strategy: text('None: only apiVersion changes. Webhook: ask a server.'),
    webhook: object('The server to ask.', {
      clientConfig: open('How to reach it.'),
      conversionReviewVersions: textList('Forms of the question that it knows.'),
    }),
  },
  ['strategy'],
);

export const customResourceDefinitionSchema = object(
  'Adds a kind to the API.',
  {
    spec: object(
      'The kind.',
      {
        group: text('Its API group.'),
        scope: { ...text('Namespaced or Cluster.'), enum: ['Namespaced', 'Cluster'] },
        names: names('What it is called.'),
        versions: list('Its versions.', version),
        conversion,
        preserveUnknownFields: flag('Not used any more: must be false.'),
      },
      ['group', 'scope', 'names', 'versions'],
    ),
    status: object('Whether the kind is served.', {
      acceptedNames: { ...names('The names that are served.'), required: [] },
      conditions: conditions('Established, NamesAccepted, Terminating, ...'),
      storedVersions: textList('Versions in which objects may be stored.'),
      observedGeneration: { type: 'integer', format: 'int64', description: 'The spec that this is about.' },
    }),
  },
  ['spec'],
);
