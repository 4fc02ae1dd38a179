import { StatusError } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { printable } from './printable.ts';

const lengthMax = 4096;

/** An error for a person at a terminal: what the API said and, where its own words do not, what to do about it. */
export function errorText(error: unknown): string {
  const text = printable(errorMessage(error), '\n').trim().slice(0, lengthMax);
  if (!(error instanceof StatusError)) {
    return text;
  }
  switch (error.status.code) {
    case 401:
      return `the API server does not accept the credentials of the kubeconfig (${text}): is the kubeconfig an old one?`;
    case 404:
      // A missing object has a name; a missing kind has none.
      return error.status.details?.name === undefined
        ? `${text}: does this API server know kubevirt.io/v1? \`vmlet up\` starts one that does`
        : text;
    default:
      return text;
  }
}
