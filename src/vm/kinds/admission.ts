/**
 * Admission of the kubevirt.io kinds: defaults and validation, as plug-ins of the embedded API server (a cluster runs the
 * same through webhooks). The request and plug-in types are structural, so that this layer imports no server.
 */
import type { KubeObject } from '../../apimachinery/object.ts';
import { invalid, type StatusSubject } from '../../apimachinery/status.ts';
import type { FieldError } from '../../apimachinery/field-error.ts';
import { admitVm } from './virtualmachine/admit.ts';
import { admitVmi } from './virtualmachineinstance/admit.ts';
import type { KindDefaults } from './virtualmachineinstance/defaults.ts';

export interface AdmissionUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** The in-process client of the embedded API server, and vmlet's service accounts on a cluster. */
export function isOwnIdentity(user: AdmissionUser): boolean {
  return user.name === 'system:apiserver' || user.name.startsWith('system:serviceaccount:vmlet:');
}

export interface KindAdmissionRequest {
  readonly operation: string;
  readonly type: StatusSubject;
  readonly name: string;
  readonly object?: KubeObject | undefined;
  readonly oldObject?: KubeObject | undefined;
  readonly user: AdmissionUser;
  readonly subresource?: string | undefined;
}

export interface KindAdmissionPlugin {
  readonly name: string;
  matches(type: { group: string; resource: string; subresource?: string | undefined }, operation: string): boolean;
  /** Throws StatusError 422 with one cause per field at fault. */
  admit(request: KindAdmissionRequest): Promise<{ object?: KubeObject; warnings?: string[] }>;
}

export interface KindAdmissionSettings extends KindDefaults {
  /** Whether a request comes from vmlet's own controllers and agents: they may write status, finalizers and owner labels. */
  readonly isOwnIdentity: (user: AdmissionUser) => boolean;
}

/** What one kind's admission returns: the object to store, or what is wrong with it. */
export type AdmissionResult = { readonly object: KubeObject } | { readonly errors: readonly FieldError[] };

type Admit = (request: KindAdmissionRequest, settings: KindAdmissionSettings) => AdmissionResult;

/** The plug-ins for all kinds, one each. */
export function createKindAdmission(settings: KindAdmissionSettings): KindAdmissionPlugin[] {
  return [
    kindPlugin('virtualmachineinstances', 'VirtualMachineInstance', admitVmi, settings),
    kindPlugin('virtualmachines', 'VirtualMachine', admitVm, settings),
  ];
}

function kindPlugin(
  resource: string,
  kind: string,
  admit: Admit,
  settings: KindAdmissionSettings,
): KindAdmissionPlugin {
  return {
    name: kind,
    matches: (type, operation) =>
      type.group === 'kubevirt.io' &&
      type.resource === resource &&
      (type.subresource ?? '') === '' &&
      (operation === 'CREATE' || operation === 'UPDATE'),
    admit: async (request) => {
      const result = admit(request, settings);
      if ('errors' in result) {
        throw invalid({ group: 'kubevirt.io', resource, kind }, request.name, result.errors);
      }
      return result;
    },
  };
}
