import { StewardError } from './errors';

/** A package is not installed that only some features need. */
export class PackageMissingError extends StewardError {
  readonly code = 'E_PACKAGE_MISSING';
}

/**
 * What to do if importing a package fails: says what is missing and how to get it. `spec` is what to install, with its
 * major version; `feature` is what needs it, in the plural. Written as `import('pg').catch(missing('pg@8', '...'))` at
 * the import itself: so bundlers let a package be absent.
 */
export function missing(spec: string, feature: string): (error: unknown) => never {
  return (error) => {
    const name = spec.replace(/(?<=.)@[^/]*$/, '');
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    const isAbsent =
      (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && `${message}`.includes(`'${name}'`);
    if (!isAbsent) throw error;
    throw new PackageMissingError(`${feature} need the package ${name}, which is not installed: npm install ${spec}`, {
      cause: error,
    });
  };
}
