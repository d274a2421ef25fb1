/** What this process has computed so far, in milliseconds: how long something takes a busy machine says nothing of it. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
