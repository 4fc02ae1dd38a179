/**
 * The embedded server's own certificate authority, server certificate and administrator's client certificate, kept in files.
 * The code that makes certificates is loaded only when one must be made.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writePrivateFile } from './kubeconfig.ts';
import type * as pkiMake from './pki-make.ts';
import type { KeyPair } from './pki-make.ts';
import { systemMasters } from './types.ts';

export interface Certificates {
  readonly ca: KeyPair;
  readonly server: KeyPair;
  readonly client: KeyPair;
}

export interface CertificateOptions {
  readonly directory: string;
  /** Further names and addresses the server answers to. */
  readonly extraNames?: readonly string[];
  /** CN of the administrator. */
  readonly clientName?: string;
}

const dayMs = 24 * 3600 * 1000;
/** Certificates with less than this left are made anew. */
const renewBeforeMs = 60 * dayMs;
const alwaysNames = ['127.0.0.1', '::1', 'localhost', 'kubernetes.default.svc'];

/** Reads `<directory>/{ca,server,client}.{crt,key}`; makes what is missing, near its end, or lacks a name. */
export async function createCertificates(options: CertificateOptions): Promise<Certificates> {
  const { directory, clientName = 'vmlet-admin' } = options;
  const names = [...new Set([...alwaysNames, ...(options.extraNames ?? [])])];
  const knownCa = readPair(directory, 'ca');
  const caValid = knownCa !== undefined && isFresh(knownCa.cert);
  const ca = caValid ? knownCa : await (await import('./pki-make.ts')).makeCa();
  if (!caValid) {
    writePair(directory, 'ca', ca);
  }
  const leaf = async (
    name: string,
    good: (certificate: X509Certificate) => boolean,
    make: (module: typeof pkiMake) => Promise<KeyPair>,
  ) => {
    const known = readPair(directory, name);
    const caCertificate = new X509Certificate(ca.cert);
    if (known !== undefined && isFresh(known.cert)) {
      const certificate = new X509Certificate(known.cert);
      if (certificate.verify(caCertificate.publicKey) && good(certificate)) {
        return known;
      }
    }
    const made = await make(await import('./pki-make.ts'));
    writePair(directory, name, made);
    return made;
  };
  const server = await leaf(
    'server',
    (certificate) =>
      names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined),
    ({ makeLeaf }) => makeLeaf(ca, { subject: 'CN=vmlet-apiserver', usage: 'server', names }),
  );
  const client = await leaf(
    'client',
    (certificate) => certificate.subject.split('\n').includes(`CN=${clientName}`),
    ({ makeLeaf }) => makeLeaf(ca, { subject: `CN=${clientName}, O=${systemMasters}`, usage: 'client', names: [] }),
  );
  return { ca, server, client };
}

function isFresh(pem: string): boolean {
  return new X509Certificate(pem).validToDate.getTime() - Date.now() > renewBeforeMs;
}

function readPair(directory: string, name: string): KeyPair | undefined {
  const certPath = join(directory, `${name}.crt`);
  const keyPath = join(directory, `${name}.key`);
  if (!existsSync(certPath) || !existsSync(keyPath)) {
    return undefined;
  }
  return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
}

function writePair(directory: string, name: string, pair: KeyPair): void {
  writePrivateFile(join(directory, `${name}.key`), pair.key);
  writePrivateFile(join(directory, `${name}.crt`), pair.cert);
}
