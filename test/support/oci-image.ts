/** An OCI image layout made of one directory, as `oci:DIRECTORY` for skopeo and for vmlet. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './host.ts';

/** Writes the layout to `output` and gives its reference. `content` becomes the root of the image. */
export function makeImage(content: string, output: string): string {
  const blobs = join(output, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const layerFile = join(output, 'layer.tar');
  run('tar', '-C', content, '--owner=0', '--group=0', '-cf', layerFile, '.');
  const layer = addFile(blobs, layerFile);
  const config = addJson(blobs, {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const manifest = addJson(blobs, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
  });
  writeFileSync(join(output, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(output, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest }],
    }),
  );
  return `oci:${output}`;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

function addFile(blobs: string, file: string): Blob {
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
  copyFileSync(file, join(blobs, hash));
  return { digest: `sha256:${hash}`, size: statSync(file).size };
}

function addJson(blobs: string, value: object): Blob {
  const text = JSON.stringify(value);
  const hash = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(blobs, hash), text);
  return { digest: `sha256:${hash}`, size: text.length };
}
