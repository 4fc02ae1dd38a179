/** The document builders of embedded/openapi. */
import type { OpenApiBuilders } from './openapi.ts';

export const openApiBuilders: OpenApiBuilders = {
  buildOpenApiV2: () => ({ swagger: '2.0', info: { title: 'Kubernetes', version: 'v1' }, paths: {} }),
  encodeOpenApiV2: () => new Uint8Array(),
  buildOpenApiV3: () => ({ openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1' }, paths: {} }),
};
