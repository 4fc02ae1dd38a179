/**
 * The line of an event, built once for all who watch the object in the same form. All of them hear of an event before the next
 * one comes, so the lines of the newest are all that is kept.
 */
import type { ObjectView } from '../object-view.ts';

/** `form` names everything besides the object that the line depends on. */
export type SharedLines = (view: ObjectView, form: string, build: () => Buffer) => Buffer;

export function createSharedLines(): SharedLines {
  let newest: ObjectView | undefined;
  const lines = new Map<string, Buffer>();
  return (view, form, build) => {
    if (view !== newest) {
      newest = view;
      lines.clear();
    }
    let line = lines.get(form);
    if (line === undefined) {
      line = build();
      lines.set(form, line);
    }
    return line;
  };
}
