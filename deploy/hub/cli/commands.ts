import type { Command } from './command.ts';

/** The commands, each loaded when it is asked for. */
export const commands: Record<string, () => Promise<Command>> = {
  init: async () => (await import('./init.ts')).init,
  inventory: async () => (await import('./inventory.ts')).inventory,
  ca: async () => (await import('./ca.ts')).ca,
  provision: async () => (await import('./provision.ts')).provision,
  serve: async () => (await import('./serve.ts')).serve,
  status: async () => (await import('./status.ts')).status,
  request: async () => (await import('./request.ts')).request,
  reject: async () => (await import('./request.ts')).reject,
  extract: async () => (await import('./extract.ts')).extract,
  authorise: async () => (await import('./authorise.ts')).authorise,
  follow: async () => (await import('./follow.ts')).follow,
  open: async () => (await import('./open.ts')).open,
  minutes: async () => (await import('./minutes.ts')).minutes,
  verify: async () => (await import('./verify.ts')).verify,
  report: async () => (await import('./report.ts')).report,
  close: async () => (await import('./close.ts')).close,
  register: async () => (await import('./register.ts')).register,
  ack: async () => (await import('./status.ts')).ack,
  login: async () => (await import('./login.ts')).login,
  import: async () => (await import('./import.ts')).importStick,
  drill: async () => (await import('./drill.ts')).drill,
  node: async () => (await import('./node.ts')).node,
  policy: async () => (await import('./policy.ts')).policy,
};
