// A program that runs in our place: it gets the signals we get, and it ends when we lose our parent.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const LOOK_MS = 250;

/**
 * Runs a program on our terminal and resolves with its exit code. It gets every signal that asks us to end, and SIGTERM
 * once our parent is gone, since nobody passes on a SIGKILL. Without `watchParent` we may outlive our parent.
 */
export function runChild(command, args, { watchParent = true, ...options } = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const pass = (signal) => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, pass);
  const stopLooking = watchParent ? onParentEnd(() => pass('SIGTERM')) : () => {};
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const one of signals) process.off(one, pass);
      stopLooking();
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Calls back once our parent is gone, in whatever way it ended. */
export function onParentEnd(callback) {
  const parent = process.ppid;
  const looking = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(looking);
    callback();
  }, LOOK_MS).unref();
  return () => clearInterval(looking);
}

/** Nobody may be left to read what we print: a closed terminal, or a pipe whose other end is gone. That is no failure. */
export function outliveReader() {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
