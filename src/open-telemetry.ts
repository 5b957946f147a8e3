import type * as Api from '@opentelemetry/api';
import { missing, PackageMissingError } from './optional-packages';

let api: typeof Api | undefined;
let isSought = false;

/** The API of OpenTelemetry. Undefined if the process has not installed it: then nobody can have registered anything. */
export function openTelemetry(): typeof Api | undefined {
  if (isSought) return api;
  isSought = true;
  try {
    api = require('@opentelemetry/api') as typeof Api;
  } catch (error) {
    try {
      missing('@opentelemetry/api@1', 'Traces and metrics')(error);
    } catch (thrown) {
      if (!(thrown instanceof PackageMissingError)) throw thrown;
    }
  }
  return api;
}
