/** Secrets that hold the token of a ServiceAccount. Source: core/v1 SecretTypeServiceAccountToken. */
export const accountTokenType = 'kubernetes.io/service-account-token';
/** Annotation that names the account. */
export const accountNameAnnotation = 'kubernetes.io/service-account.name';
