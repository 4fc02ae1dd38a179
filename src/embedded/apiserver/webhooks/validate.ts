/** What is wrong with webhook configurations and admission policies. Texts as kube-apiserver's. Pure but for CEL. */
import { X509Certificate } from 'node:crypto';
import { forbiddenField, invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { labelSelectorRequirements } from '../../../apimachinery/selectors.ts';
import type { LabelSelector } from '../../../apimachinery/selectors.ts';
import { errorMessage } from '../../../base/errors.ts';
import { nameProblem } from '../metadata.ts';
import { conditionProblem, policyProblems } from './expressions.ts';
import type {
  AdmissionPolicy,
  AdmissionPolicyBinding,
  ClientConfig,
  MatchCondition,
  MatchResources,
  MatchRule,
  Webhook,
  WebhookConfiguration,
} from './types.ts';

const maxWebhooks = 100;
const maxMatchConditions = 64;

export function validateWebhookConfiguration(object: KubeObject): FieldError[] {
  const { webhooks = [] } = object as WebhookConfiguration;
  const names = new Set<string>();
  if (webhooks.length > maxWebhooks) {
    const detail = `must have at most ${maxWebhooks} items`;
    return [{ type: 'TooMany', field: 'webhooks', badValue: webhooks.length, detail }];
  }
  return webhooks.flatMap((webhook, index) => {
    const errors = webhookErrors(webhook, `webhooks[${index}]`);
    if (names.has(webhook.name)) {
      errors.push({ type: 'Duplicate', field: `webhooks[${index}].name`, badValue: webhook.name, detail: '' });
    }
    names.add(webhook.name);
    return errors;
  });
}

function webhookErrors(webhook: Webhook, at: string): FieldError[] {
  const { name, rules = [], timeoutSeconds, admissionReviewVersions: versions } = webhook;
  const errors: FieldError[] = [];
  const problem = nameProblem(name, 'subdomain');
  if (problem !== undefined) {
    errors.push(invalidField(`${at}.name`, name, problem));
  } else if (name.split('.').length < 3) {
    errors.push(invalidField(`${at}.name`, name, 'should be a domain with at least three segments separated by dots'));
  }
  errors.push(...rules.flatMap((rule, index) => ruleErrors(rule, `${at}.rules[${index}]`)));
  errors.push(
    ...oneOf(`${at}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']),
    ...oneOf(`${at}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']),
    ...oneOf(`${at}.sideEffects`, webhook.sideEffects, ['None', 'NoneOnDryRun']),
    ...oneOf(`${at}.reinvocationPolicy`, webhook.reinvocationPolicy, ['IfNeeded', 'Never']),
  );
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    const text = 'the timeout value must be between 1 and 30 seconds';
    errors.push(invalidField(`${at}.timeoutSeconds`, timeoutSeconds, text));
  }
  if (versions.length === 0) {
    errors.push(requiredField(`${at}.admissionReviewVersions`, 'must specify one of v1'));
  } else if (!versions.includes('v1')) {
    errors.push(invalidField(`${at}.admissionReviewVersions`, versions, 'must include at least one of v1'));
  }
  errors.push(...selectorErrors(`${at}.namespaceSelector`, webhook.namespaceSelector));
  errors.push(...selectorErrors(`${at}.objectSelector`, webhook.objectSelector));
  errors.push(...clientConfigErrors(webhook.clientConfig, `${at}.clientConfig`));
  errors.push(...conditionErrors(webhook.matchConditions ?? [], `${at}.matchConditions`));
  return errors;
}

export function clientConfigErrors(config: ClientConfig, at: string): FieldError[] {
  const { url, service, caBundle } = config;
  const errors: FieldError[] = [];
  if ((url === undefined) === (service === undefined)) {
    errors.push(requiredField(at, 'exactly one of url or service is required'));
  }
  if (url !== undefined) {
    errors.push(...urlProblems(url).map((problem) => invalidField(`${at}.url`, url, problem)));
  }
  if (service !== undefined) {
    const { name, namespace, path, port = 443 } = service;
    if (name === '') {
      errors.push(requiredField(`${at}.service.name`, 'service name is required'));
    }
    if (namespace === '') {
      errors.push(requiredField(`${at}.service.namespace`, 'service namespace is required'));
    }
    if (path !== undefined && !/^\/[^?#\s]{0,1024}$/u.test(path)) {
      errors.push(invalidField(`${at}.service.path`, path, "must start with a '/'"));
    }
    if (port < 1 || port > 65_535) {
      errors.push(
        invalidField(`${at}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'),
      );
    }
  }
  if (caBundle !== undefined && caBundle !== '' && !isPem(caBundle)) {
    const text = 'unable to load root certificates: unable to parse bytes as PEM block';
    errors.push(invalidField(`${at}.caBundle`, '', text));
  }
  return errors;
}

function urlProblems(text: string): string[] {
  const form = 'desired format: https://host[/path]';
  if (!URL.canParse(text)) {
    return [`url must be a valid URL: ${form}`];
  }
  const url = new URL(text);
  const problems: string[] = [];
  if (url.protocol !== 'https:') {
    problems.push(`'https' is the only allowed URL scheme; ${form}`);
  }
  if (url.hostname === '') {
    problems.push(`host must be specified; ${form}`);
  }
  if (url.username !== '' || url.password !== '') {
    problems.push('user information is not permitted in the URL');
  }
  if (url.hash !== '') {
    problems.push('fragments are not permitted in the URL');
  }
  if (url.search !== '') {
    problems.push('query parameters are not permitted in the URL');
  }
  return problems;
}

function isPem(caBundle: string): boolean {
  try {
    return new X509Certificate(Buffer.from(caBundle, 'base64')).raw.length > 0;
  } catch {
    return false;
  }
}

const operations: readonly string[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

function ruleErrors(rule: MatchRule, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const) {
    const values = rule[field] ?? [];
    if (values.length === 0) {
      errors.push(requiredField(`${at}.${field}`));
    } else if (values.length > 1 && values.includes('*') && field !== 'resources') {
      errors.push(invalidField(`${at}.${field}`, values, "if '*' is present, must not specify other values"));
    }
    for (const [index, value] of values.entries()) {
      const where = `${at}.${field}[${index}]`;
      if (field === 'operations' && value !== '*' && !operations.includes(value)) {
        errors.push(notSupportedField(where, value, [...operations, '*']));
      }
      if (value === '' && field !== 'apiGroups') {
        errors.push(requiredField(where));
      }
      if (field === 'resources' && value.split('/').length > 2) {
        errors.push(invalidField(where, value, 'must be a resource, or a resource and a subresource'));
      }
    }
  }
  errors.push(...oneOf(`${at}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced']));
  return errors;
}

function conditionErrors(given: readonly MatchCondition[], at: string): FieldError[] {
  const names = new Set<string>();
  if (given.length > maxMatchConditions) {
    const detail = `must have at most ${maxMatchConditions} items`;
    return [{ type: 'TooMany', field: at, badValue: given.length, detail }];
  }
  return given.flatMap(({ name, expression }, index) => {
    const errors: FieldError[] = [];
    if (name === '') {
      errors.push(requiredField(`${at}[${index}].name`));
    } else if (names.has(name)) {
      errors.push({ type: 'Duplicate', field: `${at}[${index}].name`, badValue: name, detail: '' });
    }
    names.add(name);
    const problem = expression.trim() === '' ? '' : conditionProblem(expression);
    if (problem === '') {
      errors.push(requiredField(`${at}[${index}].expression`));
    } else if (problem !== undefined) {
      errors.push(invalidField(`${at}[${index}].expression`, expression, problem));
    }
    return errors;
  });
}

function selectorErrors(at: string, selector: LabelSelector | undefined): FieldError[] {
  try {
    labelSelectorRequirements(selector ?? {});
    return [];
  } catch (error) {
    return [invalidField(at, selector, errorMessage(error))];
  }
}

function oneOf(field: string, value: string | undefined, allowed: readonly string[]): FieldError[] {
  return value === undefined || allowed.includes(value) ? [] : [notSupportedField(field, value, allowed)];
}

const reasons: readonly string[] = ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'];

export function validatePolicy(object: KubeObject): FieldError[] {
  const policy = object as AdmissionPolicy;
  const { spec } = policy;
  const errors: FieldError[] = [];
  if (spec.matchConstraints === undefined) {
    errors.push(requiredField('spec.matchConstraints'));
  } else {
    errors.push(...matchErrors(spec.matchConstraints, 'spec.matchConstraints', true));
  }
  if ((spec.validations ?? []).length === 0) {
    errors.push(requiredField('spec.validations', 'validations or auditAnnotations must contain at least one item'));
  }
  for (const [index, { reason, message, expression }] of (spec.validations ?? []).entries()) {
    const at = `spec.validations[${index}]`;
    errors.push(...oneOf(`${at}.reason`, reason, reasons));
    if (message?.includes('\n') === true) {
      errors.push(invalidField(`${at}.message`, message, 'message must not contain line breaks'));
    } else if ((message ?? '') === '' && expression.trim().includes('\n')) {
      errors.push(requiredField(`${at}.message`, 'message must be specified if expression contains line breaks'));
    }
  }
  errors.push(...oneOf('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']));
  errors.push(...conditionErrors(spec.matchConditions ?? [], 'spec.matchConditions'));
  return [...errors, ...policyProblems(policy)];
}

function matchErrors(match: MatchResources, at: string, required: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (required && (match.resourceRules ?? []).length === 0) {
    errors.push(requiredField(`${at}.resourceRules`));
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    errors.push(...(match[field] ?? []).flatMap((rule, index) => ruleErrors(rule, `${at}.${field}[${index}]`)));
  }
  errors.push(...oneOf(`${at}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']));
  errors.push(...selectorErrors(`${at}.namespaceSelector`, match.namespaceSelector));
  errors.push(...selectorErrors(`${at}.objectSelector`, match.objectSelector));
  return errors;
}

const actions: readonly string[] = ['Audit', 'Deny', 'Warn'];

export function validatePolicyBinding(object: KubeObject): FieldError[] {
  const { policyName, paramRef, matchResources, validationActions = [] } = (object as AdmissionPolicyBinding).spec;
  const errors: FieldError[] = [];
  if ((policyName ?? '') === '') {
    errors.push(requiredField('spec.policyName'));
  }
  if (validationActions.length === 0) {
    errors.push(requiredField('spec.validationActions', 'at least one validation action is required'));
  }
  for (const [index, action] of validationActions.entries()) {
    errors.push(...oneOf(`spec.validationActions[${index}]`, action, actions));
  }
  if (validationActions.includes('Deny') && validationActions.includes('Warn')) {
    const text =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalidField('spec.validationActions', validationActions, text));
  }
  if (matchResources !== undefined) {
    errors.push(...matchErrors(matchResources, 'spec.matchResources', false));
  }
  if (paramRef !== undefined) {
    const { name, selector, parameterNotFoundAction } = paramRef;
    if ((name === undefined) === (selector === undefined)) {
      errors.push(
        name === undefined
          ? requiredField('spec.paramRef', 'one of name or selector must be specified')
          : forbiddenField('spec.paramRef.name', 'name and selector are mutually exclusive'),
      );
    }
    if (parameterNotFoundAction === undefined) {
      errors.push(requiredField('spec.paramRef.parameterNotFoundAction'));
    }
    errors.push(...oneOf('spec.paramRef.parameterNotFoundAction', parameterNotFoundAction, ['Deny', 'Allow']));
    errors.push(...selectorErrors('spec.paramRef.selector', selector));
  }
  return errors;
}
