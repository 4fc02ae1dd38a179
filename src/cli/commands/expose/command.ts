import { apiOptions, type CommandSpec } from '../../command.ts';

export const exposeCommand: CommandSpec = {
  name: 'expose',
  arguments: [
    {
      syntax: '<name>',
      description: 'name of the VM, or of the VMI where there is no VM; `vm` or `vmi` before it decides',
    },
    { syntax: '[vm-name]', description: 'the name, after `vm` or `vmi`' },
  ],
  summary: 'Make a Service that leads to a VM',
  description:
    "The Service finds the VM's Pod by its label vm.kubevirt.io/name, so the VM needs no label of its own and may be\n" +
    'stopped or restarted. Without --port the Service has the ports that the VM names for its pod network.',
  options: [
    { flags: '--port <port>', description: 'port of the Service (default: the ports that the VM names)' },
    { flags: '--target-port <port>', description: 'port of the guest, a number or a name (default: --port)' },
    { flags: '--protocol <protocol>', description: 'of --port', choices: ['TCP', 'UDP'], defaultValue: 'TCP' },
    { flags: '--port-name <name>', description: 'name of the port in the Service' },
    {
      flags: '--type <type>',
      description: 'where it is reached: in the pod network and from this host, or also on a port of each node',
      choices: ['ClusterIP', 'NodePort', 'LoadBalancer'],
      defaultValue: 'ClusterIP',
    },
    { flags: '--name <name>', description: 'name of the Service (default: that of the VM)' },
    {
      flags: '--cluster-ip <address>',
      description: "the Service's address; `None` for a headless one (default: a free one)",
    },
    { flags: '--node-port <port>', description: 'port of the nodes, 30000-32767 (default: a free one)' },
    { flags: '--external-ip <address>', description: 'an address more, which is routed to the node by other means' },
    { flags: '--load-balancer-ip <address>', description: 'address to ask the load balancer for' },
    {
      flags: '--ip-family <families>',
      description: 'families of the addresses (default: that of the cluster)',
      choices: ['IPv4', 'IPv6', 'IPv4,IPv6', 'IPv6,IPv4'],
    },
    {
      flags: '--ip-family-policy <policy>',
      description: 'one family, two where there are two, or two in any case',
      choices: ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
    },
    { flags: '--dry-run', description: 'check the request without doing it' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml', 'name'] },
    ...apiOptions,
  ],
  completes: 'vm',
  subjects: ['vm', 'vmi'],
  completesAfter: { vmi: 'vmi' },
  examples: [
    ['vmlet expose vm web --port 80', 'the Service "web" leads to port 80 of the VM "web"'],
    ['vmlet expose vmi web --port 22 --type NodePort --name web-ssh', 'SSH on a port of this host'],
    ['vmlet expose vm web --port 80 --target-port 8080', 'another port in the guest'],
    ['vmlet expose vm db --port 5432 --cluster-ip None', 'headless: EndpointSlices alone'],
    ['vmlet expose vm web --port 80 --dry-run -o yaml', 'the manifest, without making it'],
  ],
  load: async () => (await import('./run.ts')).run,
};
