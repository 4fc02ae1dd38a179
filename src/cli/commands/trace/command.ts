import { apiOptions, type CommandSpec } from '../../command.ts';

export const traceCommand: CommandSpec = {
  name: 'trace',
  arguments: [
    { syntax: '<name>', description: 'name of the VirtualMachineInstance; `vm` may stand before it' },
    { syntax: '[vm-name]', description: 'the name, after `vm`' },
  ],
  summary: 'Show how long each step of the start of a VM took, and which was too slow',
  description:
    'From the creation of the VM to the address of its guest, as its node saw it, each step beside its budget.\n' +
    'The times outlive a restart of vmlet; they go with the VM. With OTEL_EXPORTER_OTLP_ENDPOINT in the environment\n' +
    'of `vmlet up`, every start is also sent to an OpenTelemetry collector (OTLP over HTTP, JSON); the annotation\n' +
    '`traceparent` of a VM makes its start a part of the trace of whoever made it.\n' +
    'Ends with 0 also when a step was over its budget.',
  options: [{ flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml'] }, ...apiOptions],
  completes: 'vmi',
  subjects: ['vm'],
  examples: [
    ['vmlet trace vm web', 'the start of the VM "web" as bars'],
    ['vmlet trace vm web -o json', 'for a program; `exceeded` lists the steps over budget'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 vmlet up', 'also send every start to a collector'],
  ],
  load: async () => (await import('./run.ts')).run,
};
