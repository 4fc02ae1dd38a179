import { UsageError } from './options.ts';

/**
 * `vm web`, `net web`, or only `web`, which means the first of `subjects`. A VM that is called `net` is looked at by
 * `vm net`, or by `net` alone: a word without another after it is a name.
 */
export function readSubject<Subject extends string>(
  words: readonly (string | undefined)[],
  subjects: readonly [Subject, ...Subject[]],
): { readonly subject: Subject; readonly name: string } {
  const [first = '', second] = words;
  if (second === undefined) {
    return { subject: subjects[0], name: first };
  }
  const subject = subjects.find((known) => known === first);
  if (subject === undefined) {
    throw new UsageError(`"${first}" cannot be looked at: only ${subjects.join(', ')}, followed by the name of a VM`);
  }
  return { subject, name: second };
}
