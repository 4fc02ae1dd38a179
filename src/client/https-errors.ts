/** What went wrong between us and the API server, in words that say what to do. */
import { CancelledError, VmletError, errorCode, errorMessage } from '../base/errors.ts';

/** The server's certificate is not what the kubeconfig promises. Source: Node's TLS error codes (OpenSSL X509_V_ERR_*). */
const otherServer: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/**
 * VmletError `Unreachable`, its cause the given error; CancelledError for an abort. Errors of our own pass unchanged.
 * `server` is the API server's URL.
 */
export function explainConnectionError(server: string, error: unknown): Error {
  if (error instanceof VmletError) {
    return error;
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new CancelledError('cancelled', { cause: error });
  }
  return new VmletError('Unreachable', `no answer from ${server}: ${reason(error)}`, { cause: error });
}

function reason(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED') {
    return 'connection refused. Is vmlet running? Start it with `vmlet up`';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `its name is not known (${code})`;
  }
  if (code === 'CERT_HAS_EXPIRED') {
    return "the server's certificate has expired; vmlet makes a new one when it starts";
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the server's certificate is for another name (${errorMessage(error)})`;
  }
  if (otherServer.has(code)) {
    return `its certificate is not from the authority that the kubeconfig names (${code}): is the kubeconfig an old one?`;
  }
  const message = errorMessage(error);
  return message.includes(code) || code === 'Unknown' ? message : `${message} (${code})`;
}
