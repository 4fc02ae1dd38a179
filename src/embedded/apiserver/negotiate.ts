/** Which form an answer takes: `Accept` to media type and, for Kubernetes, the kind it is shown as. Pure. */

export interface MediaType {
  /** `application/json`, lower case. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

export type Presentation = 'object' | 'table' | 'partial' | 'partialList';

export interface Negotiated {
  readonly mediaType: 'application/json' | 'application/yaml';
  readonly presentation: Presentation;
  /** Version of meta.k8s.io for tables and partial objects. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

export const acceptedTypes = ['application/json', 'application/yaml'] as const;

const maxMediaTypes = 64;

/** In order of preference: by quality, then as written. */
export function parseAccept(header: string | undefined): MediaType[] {
  if (header === undefined || header.trim() === '') {
    return [{ type: '*/*', parameters: {}, quality: 1 }];
  }
  return header
    .split(',', maxMediaTypes)
    .map(parseMediaType)
    .filter((media) => media.type !== '' && media.quality > 0)
    .sort((left, right) => right.quality - left.quality);
}

export function parseMediaType(text: string): MediaType {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of rest) {
    const separator = part.indexOf('=');
    if (separator > 0) {
      parameters[part.slice(0, separator).trim().toLowerCase()] = part.slice(separator + 1).trim();
    }
  }
  const quality = Number(parameters['q'] ?? '1');
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 0 };
}

const presentations: Readonly<Record<string, Presentation>> = {
  Table: 'table',
  PartialObjectMetadata: 'partial',
  PartialObjectMetadataList: 'partialList',
};

/** undefined: nothing the client accepts can be given (406). */
export function negotiate(accept: string | undefined): Negotiated | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    const mediaType = concreteType(type);
    if (mediaType === undefined) {
      continue;
    }
    const as = parameters['as'];
    if (as === undefined) {
      return { mediaType, presentation: 'object', metaVersion: 'v1' };
    }
    const version = parameters['v'];
    const presentation = Object.hasOwn(presentations, as) ? presentations[as] : undefined;
    if (
      presentation !== undefined &&
      parameters['g'] === 'meta.k8s.io' &&
      (version === 'v1' || version === 'v1beta1')
    ) {
      return { mediaType, presentation, metaVersion: version };
    }
  }
  return undefined;
}

function concreteType(type: string): Negotiated['mediaType'] | undefined {
  if (type === '*/*' || type === 'application/*' || type === 'application/json') {
    return 'application/json';
  }
  return type === 'application/yaml' ? 'application/yaml' : undefined;
}
