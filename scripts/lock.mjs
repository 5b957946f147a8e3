// One process at a time: two commands of one checkout may be started together.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 200;

/** Runs `work` while `file` names this process. Waits for a living process that holds it, and says so once. */
export async function withLock(file, what, work) {
  for (let said = false; !take(file); ) {
    const holder = holderOf(file);
    if (!said && isAlive(holder)) {
      console.error(`Process ${holder} is ${what}: waiting for it. If it isn't, delete ${file}.`);
      said = true;
    }
    await sleep(LOOK_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file) {
  // Made whole and then linked: nobody ever reads a lock without the number in it.
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(own, { force: true });
  }
  const holder = holderOf(file);
  if (holder !== undefined && !isAlive(holder)) removeDead(file, holder);
  return false;
}

/** Removes a dead process' lock. A lock that another process has just taken is put back. */
function removeDead(file, holder) {
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
    if (holderOf(aside) !== holder) linkSync(aside, file);
  } catch {
    // Another was faster; the next look shows who has it.
  }
  rmSync(aside, { force: true });
}

function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
