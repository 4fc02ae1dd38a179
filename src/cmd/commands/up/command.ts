import type { CommandSpec } from '../../../cli/command.ts';

export const upCommand: CommandSpec = {
  name: 'up',
  summary: 'Start vmlet on this host',
  description:
    'Runs the Kubernetes API, the controllers and the node agent in one process, in the foreground until Ctrl-C.\n' +
    'VMs that already run are taken over as they are; VMs keep running when vmlet stops.\n' +
    'Writes a kubeconfig for kubectl (readable by root only) and says where.',
  options: [
    { flags: '--detach', description: 'go to the background once the API answers' },
    { flags: '--port <port>', description: 'port of the API on 127.0.0.1', defaultValue: '7443' },
    { flags: '--state-dir <directory>', description: 'durable state (default: $VMLET_STATE_DIR or /var/lib/vmlet)' },
    { flags: '--run-dir <directory>', description: 'state of this boot (default: $VMLET_RUN_DIR or /run/vmlet)' },
    { flags: '--bridge <name>', description: 'host bridge of the pod network', defaultValue: 'vmlet0' },
    { flags: '--pod-cidr <cidr>', description: 'IPv4 pod network (default: one that is free on this host)' },
    { flags: '--pod-cidr-v6 <cidr>', description: 'IPv6 pod network', defaultValue: 'fd76:6d6c:6574::/64' },
    {
      flags: '--emulation <mode>',
      description: 'when to emulate the CPU',
      choices: ['auto', 'always', 'never'],
      defaultValue: 'auto',
    },
    {
      flags: '--local-images <directory>',
      description: 'where images named oci:, dir: or *-archive: may be (default: local-images in the state directory)',
    },
    {
      flags: '--insecure-registry <host...>',
      description: 'registries spoken to without TLS (loopback ones always are)',
    },
    {
      flags: '--drift-resync <seconds>',
      description: 'how often running VMs are compared with their plan without any sign of a change',
      defaultValue: '10',
    },
    {
      flags: '--encryption-key <file>',
      description:
        'keys that seal Secrets in the store (default: pki/encryption.key in the state directory, made when missing)',
    },
    {
      flags: '--token-auth-file <file>',
      description: 'users of the API by token: lines token,user,uid,"group1,group2" in a file of mode 0600',
    },
    {
      flags: '--log-level <level>',
      description: 'log level',
      choices: ['debug', 'info', 'warn', 'error'],
      defaultValue: 'info',
    },
  ],
  examples: [
    ['vmlet up', 'in the foreground'],
    ['vmlet up --detach', 'in the background; `vmlet down` stops it'],
    ['vmlet up --emulation always', 'never use /dev/kvm'],
  ],
  load: async () => (await import('./run.ts')).run,
};
