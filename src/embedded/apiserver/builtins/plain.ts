/** The built-in kinds that are little more than data. */
import type { ConfigMap, Lease, Namespace, Secret } from '../../../apimachinery/core.ts';
import { forbiddenField, invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { isDeepStrictEqual } from 'node:util';
import { accountNameAnnotation, accountTokenType } from '../../tokens/secret-type.ts';
import { allVerbs } from '../resource.ts';
import type { ResourceDefinition } from '../resource.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

type Immutable = KubeObject & { immutable?: boolean };

export function namespaceDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'namespaces',
      kind: 'Namespace',
      namespaced: false,
      shortNames: ['ns'],
      hasStatus: true,
      columns: [column<Namespace>('Status', (namespace) => namespace.status?.phase), ageColumn],
      strategy: {
        nameRule: 'label',
        // All namespaces at once is nothing that anybody means.
        verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
        subresources: ['finalize'],
        prepareForCreate(object) {
          const namespace = object as Namespace;
          namespace.spec = { ...namespace.spec, finalizers: ['kubernetes'] };
          namespace.status = { phase: 'Active' };
          namespace.metadata.labels = {
            ...namespace.metadata.labels,
            'kubernetes.io/metadata.name': namespace.metadata.name,
          };
        },
        prepareForUpdate(object, old) {
          const namespace = object as Namespace;
          const { finalizers } = (old as Namespace).spec ?? {};
          namespace.spec = finalizers === undefined ? {} : { finalizers };
          namespace.metadata.labels = {
            ...namespace.metadata.labels,
            'kubernetes.io/metadata.name': namespace.metadata.name,
          };
        },
        holdsDeletion: (object) => ((object as Namespace).spec?.finalizers ?? []).length > 0,
        onDeletionStart(object) {
          (object as Namespace).status = { ...(object as Namespace).status, phase: 'Terminating' };
        },
        fields: {
          'status.phase': (object) => (object as Namespace).status?.phase,
          name: (object) => object.metadata.name,
        },
      },
    },
    schemas,
  );
}

/** `namespaces/finalize` may take names off spec.finalizers and put them there; status stays. Changes `body`. */
export function finalizedNamespace(body: Record<string, unknown>, current: KubeObject): unknown {
  const { status } = current as Namespace;
  delete body['status'];
  return { ...body, ...(status && { status }) };
}

export function secretDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'secrets',
      kind: 'Secret',
      namespaced: true,
      columns: [
        column<Secret>('Type', (secret) => secret.type),
        column<Secret>('Data', (secret) => Object.keys(secret.data ?? {}).length, { type: 'integer' }),
        ageColumn,
      ],
      strategy: {
        prepareForCreate: prepareSecret,
        prepareForUpdate: prepareSecret,
        validate: validateSecret,
        validateUpdate(object, old) {
          const changed = (object as Secret).type !== (old as Secret).type;
          const typeErrors = changed ? [invalidField('type', (object as Secret).type, 'field is immutable')] : [];
          return [...typeErrors, ...validateImmutable(object, old)];
        },
        fields: { type: (object) => (object as Secret).type },
      },
    },
    schemas,
  );
}

/** stringData is for writing only: its texts become data. */
function prepareSecret(object: KubeObject): void {
  const secret = object as Secret;
  secret.type ??= 'Opaque';
  if (secret.stringData !== undefined) {
    const encoded = Object.entries(secret.stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    secret.data = { ...secret.data, ...(Object.fromEntries(encoded) as Record<string, string>) };
    delete secret.stringData;
  }
}

function validateSecret(object: KubeObject): FieldError[] {
  const { data = {} } = object as Secret;
  const errors = validateKeys('data', data);
  for (const [key, value] of Object.entries(data ?? {})) {
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/\n\r]*={0,2}[\n\r]*$/u.test(value)) {
      errors.push(invalidField(`data[${key}]`, '<redacted>', 'must be base64'));
    }
  }
  if ((object as Secret).type === accountTokenType && !object.metadata.annotations?.[accountNameAnnotation]) {
    errors.push(requiredField(`metadata.annotations[${accountNameAnnotation}]`));
  }
  for (const key of requiredKeys[(object as Secret).type ?? ''] ?? []) {
    if (!Object.hasOwn(data ?? {}, key)) {
      errors.push(requiredField(`data[${key}]`, ''));
    }
  }
  return errors;
}

/** Keys that a Secret of a known type must have. Source: k8s.io/kubernetes/pkg/apis/core/validation. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

/** Bytes of all values of a ConfigMap. Source: MaxSecretSize, which holds for both. */
const maxDataBytes = 1024 * 1024;

function validateConfigMapData(object: KubeObject): FieldError[] {
  const { data = {}, binaryData = {} } = object as ConfigMap;
  const errors = Object.keys(data ?? {})
    .filter((key) => Object.hasOwn(binaryData ?? {}, key))
    .map((key) => invalidField(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  const lengths = [...Object.values(data ?? {}), ...Object.values(binaryData ?? {})].map((text) =>
    Buffer.byteLength(text),
  );
  if (lengths.reduce((sum, length) => sum + length, 0) > maxDataBytes) {
    errors.push({ type: 'TooLong', field: '', detail: `may not be more than ${maxDataBytes} bytes` });
  }
  return errors;
}

export function configMapDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'configmaps',
      kind: 'ConfigMap',
      namespaced: true,
      shortNames: ['cm'],
      columns: [
        column<ConfigMap>(
          'Data',
          (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
          { type: 'integer' },
        ),
        ageColumn,
      ],
      strategy: {
        validate: (object) => [
          ...validateKeys('data', (object as ConfigMap).data),
          ...validateTexts('data', (object as ConfigMap).data),
          ...validateKeys('binaryData', (object as ConfigMap).binaryData),
          ...validateConfigMapData(object),
        ],
        validateUpdate: validateImmutable,
      },
    },
    schemas,
  );
}

function validateKeys(field: string, data: Readonly<Record<string, string>> | undefined): FieldError[] {
  const detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  return Object.keys(data ?? {})
    .filter((key) => !/^[-._a-zA-Z0-9]{1,253}$/u.test(key) || key === '.' || key === '..')
    .map((key) => invalidField(`${field}[${key}]`, key, detail));
}

function validateTexts(field: string, data: Readonly<Record<string, unknown>> | undefined): FieldError[] {
  return Object.entries(data ?? {})
    .filter(([, value]) => typeof value !== 'string')
    .map(([key, value]) => invalidField(`${field}.${key}`, value, 'must be a string'));
}

function validateImmutable(object: KubeObject, old: KubeObject): FieldError[] {
  if ((old as Immutable).immutable !== true) {
    return [];
  }
  const content = (whole: KubeObject): unknown => ({ ...whole, metadata: undefined });
  return isDeepStrictEqual(content(object), content(old))
    ? []
    : [forbiddenField('data', 'field is immutable when `immutable` is set')];
}

export function leaseDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: 'coordination.k8s.io',
      resource: 'leases',
      kind: 'Lease',
      namespaced: true,
      columns: [column<Lease>('Holder', (lease) => lease.spec?.holderIdentity ?? ''), ageColumn],
    },
    schemas,
  );
}

export function serviceAccountDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'serviceaccounts',
      kind: 'ServiceAccount',
      namespaced: true,
      strategy: { subresources: ['token'] },
      shortNames: ['sa'],
      columns: [
        column<KubeObject & { secrets?: unknown[] }>('Secrets', (account) => account.secrets?.length ?? 0, {
          type: 'integer',
        }),
        ageColumn,
      ],
    },
    schemas,
  );
}
