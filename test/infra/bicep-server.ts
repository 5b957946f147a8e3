import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** What the CLI says of a file: errors fail a build, warnings don't; both carry the reason. */
export interface Diagnostic {
  readonly level: string;
  readonly code: string;
  readonly message: string;
}

/** One CLI for many questions: it speaks JSON-RPC over its standard streams, and stays warm between them. */
export class BicepServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #buffer: Buffer = Buffer.alloc(0);
  #next = 0;

  constructor(binary: string) {
    this.#child = spawn(binary, ['jsonrpc', '--stdio']);
    this.#child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Resolves to the result; rejects with the CLI's own message. */
  async call<T>(method: string, params: object): Promise<T> {
    const id = ++this.#next;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    const { error, result } = await answer;
    if (error) throw new Error(error.message);
    return result as T;
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await gone;
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const head = this.#buffer.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/i.exec(this.#buffer.subarray(0, Math.max(head, 0)).toString())?.[1]);
      if (head < 0 || this.#buffer.length < head + 4 + length) return;
      const message = JSON.parse(this.#buffer.subarray(head + 4, head + 4 + length).toString()) as Message;
      this.#buffer = this.#buffer.subarray(head + 4 + length);
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }
}

interface Message {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
