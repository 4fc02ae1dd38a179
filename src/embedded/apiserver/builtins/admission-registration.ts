/** Webhook configurations and admission policies. Who is asked, and when, is in ../webhooks. */
import type { ResourceDefinition } from '../resource.ts';
import { admissionRegistrationGroup as group } from '../webhooks/types.ts';
import type { AdmissionPolicy, AdmissionPolicyBinding, WebhookConfiguration } from '../webhooks/types.ts';
import { validatePolicy, validatePolicyBinding, validateWebhookConfiguration } from '../webhooks/validate.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

export function admissionRegistrationDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  const webhookKind = (kind: string): ResourceDefinition =>
    defineBuiltin(
      {
        group,
        resource: `${kind.toLowerCase()}s`,
        kind,
        namespaced: false,
        categories: ['api-extensions'],
        columns: [
          column<WebhookConfiguration>('Webhooks', ({ webhooks }) => webhooks?.length ?? 0, { type: 'integer' }),
          ageColumn,
        ],
        strategy: { hasGeneration: true, validate: validateWebhookConfiguration },
      },
      schemas,
    );
  return [
    webhookKind('MutatingWebhookConfiguration'),
    webhookKind('ValidatingWebhookConfiguration'),
    defineBuiltin(
      {
        group,
        resource: 'validatingadmissionpolicies',
        kind: 'ValidatingAdmissionPolicy',
        namespaced: false,
        categories: ['api-extensions'],
        hasStatus: true,
        columns: [
          column<AdmissionPolicy>('Validations', ({ spec }) => spec.validations?.length ?? 0, { type: 'integer' }),
          column<AdmissionPolicy>('ParamKind', ({ spec: { paramKind } }) =>
            paramKind === undefined ? '<unset>' : `${paramKind.apiVersion}/${paramKind.kind}`,
          ),
          ageColumn,
        ],
        strategy: { hasGeneration: true, validate: validatePolicy },
      },
      schemas,
    ),
    defineBuiltin(
      {
        group,
        resource: 'validatingadmissionpolicybindings',
        kind: 'ValidatingAdmissionPolicyBinding',
        namespaced: false,
        categories: ['api-extensions'],
        columns: [
          column<AdmissionPolicyBinding>('PolicyName', ({ spec }) => spec.policyName),
          column<AdmissionPolicyBinding>('ParamRef', ({ spec: { paramRef } }) => paramName(paramRef)),
          ageColumn,
        ],
        strategy: { hasGeneration: true, validate: validatePolicyBinding },
      },
      schemas,
    ),
  ];
}

function paramName(ref: AdmissionPolicyBinding['spec']['paramRef']): string {
  if (ref === undefined) {
    return '<unset>';
  }
  return ref.name === undefined ? '*' : ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
}
