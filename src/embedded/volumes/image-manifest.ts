import { DecodeError } from '../../base/errors.ts';

export interface ImageManifest {
  /** Layer digests, lowest first. */
  readonly layers: readonly string[];
}

const manifestLimitBytes = 4 << 20;
const layersLimit = 128;

/** OCI image manifest v1 or Docker schema 2: both name their layers alike. Throws DecodeError. */
export function parseImageManifest(bytes: Buffer): ImageManifest {
  if (bytes.length > manifestLimitBytes) {
    throw new DecodeError('the image manifest is too large');
  }
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new DecodeError('the image manifest is no JSON', undefined, { cause: error });
  }
  const layers = (document as { layers?: unknown } | null)?.layers;
  if (!Array.isArray(layers) || layers.length > layersLimit) {
    throw new DecodeError(`the image manifest lists no layers or more than ${layersLimit}`);
  }
  return {
    layers: layers.map((layer: unknown) => {
      const digest = (layer as { digest?: unknown } | null)?.digest;
      if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/u.test(digest)) {
        throw new DecodeError('a layer of the image has no sha256 digest');
      }
      return digest;
    }),
  };
}
