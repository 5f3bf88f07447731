import fs from 'node:fs';
import { join } from 'node:path';

/**
 * Keeps a second process out of a folder: two writers of one journal would lose each other's slices.
 *
 * The lock names the process and when it began, so that one left by a killed process, whose number may have been given
 * to another since, does not keep anybody out.
 *
 * @throws Error that names the process which holds the folder.
 */
export function lockFolder(dir: string): () => void {
  const path = join(dir, 'lock');
  const holder = fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim() : '';
  const pid = Number(holder.split(' ')[0]);
  if (pid > 0 && pid !== process.pid && holder === identityOf(pid))
    throw new Error(`${dir} is in use by process ${pid}; an appliance needs a folder of its own`);
  fs.writeFileSync(path, `${identityOf(process.pid) ?? process.pid}\n`, { mode: 0o600 });
  return () => fs.rmSync(path, { force: true });
}

/** Number and start of a running process, null when there is none. Elsewhere than on Linux the number must do. */
function identityOf(pid: number): string | null {
  if (process.platform !== 'linux') return isRunning(pid) ? String(pid) : null;
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // Field 22 of proc(5) stat, counted behind the name, which may hold spaces.
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return `${pid} ${fields[19] ?? ''} ${boot}`;
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
