/** Source: admissionregistration.k8s.io/v1. Defaults are the API's. */
import type { JsonSchema } from '../json-schema.ts';
import { integer, keyed, list, object, text, textList } from './build.ts';
import { conditions, labelSelector } from './common.ts';

const defaulted = (schema: JsonSchema, value: unknown): JsonSchema => ({ ...schema, default: value });

const rule = {
  operations: textList('CREATE, UPDATE, DELETE, CONNECT, or * for all.'),
  apiGroups: textList('Groups of the resources; the empty text is the core group, * is all.'),
  apiVersions: textList('Versions of the groups; * is all.'),
  resources: textList('Resources and subresources: pods, pods/status, pods/*, */scale, *, */*.'),
  scope: defaulted(text('Cluster, Namespaced, or * for both.'), '*'),
};
const rules = list('What is asked about.', object('Requests that match in every part.', rule));
const namedRules = list(
  'What is asked about.',
  object('Requests that match in every part.', { ...rule, resourceNames: textList('Only objects of these names.') }),
);

const clientConfig = object('How to reach the webhook: url, or service.', {
  url: text('https://host:port/path.'),
  service: object(
    'A Service of the cluster.',
    {
      namespace: text('Its namespace.'),
      name: text('Its name.'),
      path: text('Path of the URL.'),
      port: defaulted(integer('Port of the Service.'), 443),
    },
    ['namespace', 'name'],
  ),
  caBundle: { type: 'string', format: 'byte', description: "PEM certificates that sign the webhook's, in base64." },
});

const matchConditions = keyed(
  'CEL expressions that must all be true for the question to be asked.',
  'name',
  object(
    'A condition.',
    { name: text('A name of its own.'), expression: text('Sees object, oldObject and request.') },
    ['name', 'expression'],
  ),
);

const webhook = {
  name: text('A domain name of its own, such as check.example.com.'),
  clientConfig,
  rules,
  failurePolicy: defaulted(text('Fail refuses the request when the webhook does not answer, Ignore goes on.'), 'Fail'),
  matchPolicy: defaulted(
    text('Equivalent: also requests for other versions of the resource. Exact: only as named.'),
    'Equivalent',
  ),
  namespaceSelector: defaulted(labelSelector('Namespaces whose objects are asked about.'), {}),
  objectSelector: defaulted(labelSelector('Objects that are asked about.'), {}),
  sideEffects: text('None or NoneOnDryRun: what the webhook does besides its answer.'),
  timeoutSeconds: defaulted(integer('1 to 30.'), 10),
  admissionReviewVersions: textList('Forms of the question that it knows: v1.'),
  matchConditions,
};

const requiredOfWebhook = ['name', 'clientConfig', 'sideEffects', 'admissionReviewVersions'];

const validatingWebhookConfigurationSchema = object('Servers that may refuse what is written.', {
  webhooks: keyed('The servers.', 'name', object('A server.', webhook, requiredOfWebhook)),
});

const mutatingWebhookConfigurationSchema = object('Servers that may change what is written.', {
  webhooks: keyed(
    'The servers.',
    'name',
    object(
      'A server.',
      {
        ...webhook,
        reinvocationPolicy: defaulted(text('IfNeeded: ask again when a later webhook changed the object.'), 'Never'),
      },
      requiredOfWebhook,
    ),
  ),
});

const matchResources = {
  namespaceSelector: defaulted(labelSelector('Namespaces whose objects are checked.'), {}),
  objectSelector: defaulted(labelSelector('Objects that are checked.'), {}),
  resourceRules: namedRules,
  excludeResourceRules: { ...namedRules, description: 'What is not checked, whatever else matches.' },
  matchPolicy: defaulted(
    text('Equivalent: also requests for other versions of the resource. Exact: only as named.'),
    'Equivalent',
  ),
};

const validatingAdmissionPolicySchema = object(
  'Rules in CEL for what is written.',
  {
    spec: object('The rules.', {
      paramKind: object('The kind of objects that hold settings.', {
        apiVersion: text('Its group and version.'),
        kind: text('The kind.'),
      }),
      matchConstraints: object('What is checked.', matchResources),
      validations: list(
        'The rules.',
        object(
          'A rule.',
          {
            expression: text('Must be true. Sees object, oldObject, request, params, namespaceObject and variables.'),
            message: text('What is said when it is not.'),
            messageExpression: text('The same, as an expression.'),
            reason: text('Unauthorized, Forbidden, Invalid or RequestEntityTooLarge.'),
          },
          ['expression'],
        ),
      ),
      failurePolicy: defaulted(
        text('Fail refuses the request when an expression cannot be evaluated, Ignore goes on.'),
        'Fail',
      ),
      auditAnnotations: list(
        'Notes for an audit log: not kept here.',
        object('A note.', { key: text('Its key.'), valueExpression: text('Its text.') }, ['key', 'valueExpression']),
      ),
      matchConditions,
      variables: keyed(
        'Expressions with names, for the rules.',
        'name',
        object('A variable.', { name: text('As in variables.name.'), expression: text('Its value.') }, [
          'name',
          'expression',
        ]),
      ),
    }),
    status: object('What is known of the rules.', {
      observedGeneration: { type: 'integer', format: 'int64', description: 'The spec that this is about.' },
      typeChecking: object('What is doubtful in the expressions.', {
        expressionWarnings: list(
          'Warnings.',
          object('A warning.', { fieldRef: text('The expression.'), warning: text('What is doubtful.') }),
        ),
      }),
      conditions: conditions('What holds.'),
    }),
  },
  ['spec'],
);

const validatingAdmissionPolicyBindingSchema = object(
  'Puts a ValidatingAdmissionPolicy into force.',
  {
    spec: object('Where and how.', {
      policyName: text('The policy.'),
      paramRef: object('The objects that hold settings.', {
        name: text('One by name.'),
        namespace: text('Their namespace: the one of the checked object unless given.'),
        selector: labelSelector('Several by label.'),
        parameterNotFoundAction: text('Allow or Deny: what happens when there are none.'),
      }),
      matchResources: object('A part of what the policy is about.', matchResources),
      validationActions: textList('Deny, Warn, Audit.'),
    }),
  },
  ['spec'],
);

/** Kinds by name, for the table of schemas. */
export const admissionRegistrationSchemas: Readonly<Record<string, JsonSchema>> = {
  'admissionregistration.k8s.io/v1 MutatingWebhookConfiguration': mutatingWebhookConfigurationSchema,
  'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration': validatingWebhookConfigurationSchema,
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy': validatingAdmissionPolicySchema,
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding': validatingAdmissionPolicyBindingSchema,
};
