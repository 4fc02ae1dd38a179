/**
 * Where the embedded server is known to differ from the published rules, and how. The test of the suite wants these to
 * fail: one that passes is to be taken off the list.
 */
export const knownDeviations: Readonly<Record<string, string>> = {
  'labels and annotations: a finalizer without a domain is 422 Invalid on a built-in kind': 'it is taken',
  'labels and annotations: a finalizer without a domain is taken for custom resources, with a warning':
    'it is taken without a warning',
  'OpenAPI: OpenAPI 3 is given as protobuf, too': 'OpenAPI 3 is given as JSON only, which clients fall back to',
  'namespaces: conditions say what content is left': 'a namespace that terminates has no conditions',
};
