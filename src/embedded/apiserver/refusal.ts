/** What somebody who may not is told. Texts as kube-apiserver's, since clients show them. */
import { failure, forbidden } from '../../apimachinery/status.ts';
import type { StatusError } from '../../apimachinery/status.ts';
import type { AuthorizationAttributes, UserInfo } from './types.ts';

export function refusal(user: UserInfo, attributes: AuthorizationAttributes): StatusError {
  const { verb, group, resource, subresource, namespace, name, path } = attributes;
  if (resource === '') {
    return failure(
      403,
      'Forbidden',
      `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}`,
      {},
    );
  }
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const why = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
  return forbidden({ group, resource }, name, why);
}
