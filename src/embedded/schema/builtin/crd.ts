import type { JsonSchema } from '../json-schema.ts';
import { conditions, flag, integer, list, object, open, openList, text, textList } from './dsl.ts';

const column = object(
  'A column that kubectl get shows.',
  {
    name: text('Heading.'),
    type: text('string, integer, number, boolean or date.'),
    format: text('Format of the value.'),
    description: text('What it shows.'),
    jsonPath: text('Where the value is in the object.'),
    priority: integer('Above 0: shown only with -o wide.'),
  },
  ['name', 'type', 'jsonPath'],
);

const names = object(
  'Names of the resource.',
  {
    plural: text('Plural, lower case, as in paths.'),
    singular: text('Singular, lower case.'),
    kind: text('Kind.'),
    listKind: text('Kind of lists.'),
    shortNames: textList('Short names for kubectl.'),
    categories: textList('Groups of resources such as all.'),
  },
  ['plural', 'kind'],
);

/** apiextensions.k8s.io/v1 CustomResourceDefinition. */
export const customResourceDefinitionSchema: JsonSchema = object(
  'Adds a kind to the API.',
  {
    spec: object(
      'The kind.',
      {
        group: text('API group.'),
        scope: text('Namespaced or Cluster.'),
        names,
        versions: list(
          object(
            'A version of the kind.',
            {
              name: text('Name of the version: v1.'),
              served: flag('Is it served?'),
              storage: flag('Are objects stored in this version?'),
              deprecated: flag('Is it going away?'),
              deprecationWarning: text('What clients are told then.'),
              schema: object('The form of objects.', { openAPIV3Schema: open('The schema.') }),
              subresources: open('Whether status and scale exist.'),
              additionalPrinterColumns: list(column),
              selectableFields: openList('Fields that field selectors may name.'),
            },
            ['name', 'served', 'storage'],
          ),
        ),
        conversion: open('How versions are converted.'),
        preserveUnknownFields: flag('Not used any more.'),
      },
      ['group', 'scope', 'names', 'versions'],
    ),
    status: object('What is observed.', {
      conditions,
      acceptedNames: names,
      storedVersions: textList('Versions in which objects may be stored.'),
      observedGeneration: integer('The generation that status is about.'),
    }),
  },
  ['spec'],
);
