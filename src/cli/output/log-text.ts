/** ECMA-48: control sequences (CSI), operating system commands (OSC), other escapes, and single control characters. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const controls = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])|\p{Cc}/gu;
// eslint-disable-next-line no-control-regex -- as above
const colour = /^\u001b\[[0-9;:]*m$/u;
const reset = '\u001b[0m';

/**
 * What a guest or QEMU wrote, for a person: lines and tabs, colours where the terminal has them, and nothing else that could
 * command the terminal, answer in the person's name or hide a line. Ends with a line feed.
 */
export function logText(text: string, options: { readonly color: boolean }): string {
  const plain = text.replaceAll(controls, (found) =>
    found === '\n' || found === '\t' || (options.color && colour.test(found)) ? found : '',
  );
  const end = plain.endsWith('\n') ? '' : '\n';
  return options.color ? `${plain}${reset}${end}` : `${plain}${end}`;
}
