import { randomBytes, randomUUID } from 'node:crypto';
import { coerceError } from '../../src/errors';
import type { HookName, RegisteredFunction, Registry } from './core-module';
import type { Callback, CoreContext, InvocationResponse, LogCategory, LogLevel, TypedData } from './rpc';

export interface InvocationInput {
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
}

export interface LogLine {
  readonly functionName?: string;
  readonly invocationId?: string;
  readonly level: LogLevel;
  readonly category: LogCategory;
  readonly message: string;
}

export interface InvokerOptions {
  readonly registry: Registry;
  readonly log: (line: LogLine) => void;
  readonly appDir: string;
}

/** Runs functions through the library's own model, and the app's hooks around them, as the worker does. */
export class Invoker {
  readonly #options: InvokerOptions;
  /** One object for all hooks of the app's life, one shared by appStart and appTerminate. */
  readonly #appHookData = {};
  readonly #appLevelHookData = {};

  constructor(options: InvokerOptions) {
    this.#options = options;
  }

  async appStart(): Promise<void> {
    await this.#runHooks('appStart', this.#appContext());
  }

  async appTerminate(): Promise<void> {
    await this.#runHooks('appTerminate', this.#appContext());
  }

  /** Gives what the function returned and put out; rejects with what the function, a hook or the model threw. */
  async invoke({ metadata, callback }: RegisteredFunction, input: InvocationInput): Promise<InvocationResponse> {
    const { registry } = this.#options;
    if (registry.model === undefined)
      throw new Error('The app has registered no functions: no programming model is set');
    const invocationId = randomUUID();
    const current: { context?: unknown } = {};
    const core: CoreContext = {
      invocationId,
      request: {
        invocationId,
        inputData: input.inputData,
        triggerMetadata: input.triggerMetadata ?? {},
        traceContext: { traceParent: traceParent(), traceState: '' },
      },
      metadata,
      log: (level, category, message) =>
        this.#log({ functionName: metadata.name, invocationId, level, category, message }, current.context),
    };
    const model = registry.model.getInvocationModel(core);
    const { context, inputs } = await model.getArguments();
    current.context = context;
    const hookData = {};

    core.state = 'preInvocationHooks';
    const pre = this.#hookContext(hookData, { invocationContext: context, functionCallback: callback, inputs });
    await this.#runHooks('preInvocation', pre);
    const finalInputs = pre.inputs as unknown[];

    core.state = 'invocation';
    let result: unknown;
    let error: unknown;
    try {
      result = await model.invokeFunction(context, finalInputs, pre.functionCallback as Callback);
    } catch (thrown: unknown) {
      error = thrown ?? new Error('The function threw nothing');
    }

    core.state = 'postInvocationHooks';
    const post = this.#hookContext(hookData, { invocationContext: context, inputs: finalInputs, result, error });
    await this.#runHooks('postInvocation', post);
    if (post.error !== undefined && post.error !== null) throw coerceError(post.error);
    return model.getResponse(context, post.result);
  }

  /** A line that belongs to no invocation. */
  systemLog(level: LogLevel, message: string): void {
    this.#log({ level, category: 'system', message });
  }

  #log(line: LogLine, invocationContext?: unknown): void {
    const { level, category, message } = line;
    const context = this.#hookContext({}, { level, category, message, invocationContext });
    for (const hook of this.#options.registry.hooks('log')) hook(context);
    this.#options.log({ ...line, level: context.level as LogLevel, message: context.message as string });
  }

  #appContext(): Record<string, unknown> {
    return this.#hookContext(this.#appLevelHookData, { functionAppDirectory: this.#options.appDir });
  }

  #hookContext(hookData: object, fields: Record<string, unknown>): Record<string, unknown> {
    return Object.defineProperties(
      { ...fields },
      {
        hookData: { value: hookData, enumerable: true },
        appHookData: { value: this.#appHookData, enumerable: true },
      },
    );
  }

  async #runHooks(name: HookName, context: Record<string, unknown>): Promise<void> {
    for (const hook of this.#options.registry.hooks(name)) await hook(context);
  }
}

const traceParent = () => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
